from django.contrib import admin
from django.urls import path
from pages import views

urlpatterns = [
    path("", views.home, name="home"),
    path("upload", views.upload, name="upload"),
    path("count", views.count, name="count"),
    path("download", views.download, name="download"),
    path("broken", views.broken, name="broken"),
    path("admin/", admin.site.urls),
]
