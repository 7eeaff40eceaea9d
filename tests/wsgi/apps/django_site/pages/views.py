import hashlib
import os

from django import forms
from django.http import FileResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

NOTES = []


class NoteForm(forms.Form):
    words = forms.CharField(max_length=100)


class UploadForm(forms.Form):
    file = forms.FileField()


@require_http_methods(["GET", "HEAD", "POST"])
def home(request):
    form = NoteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        NOTES.append(form.cleaned_data["words"])
        request.session["notes"] = request.session.get("notes", 0) + 1
        return redirect("home")
    return render(request, "home.html", {"form": form, "notes": NOTES, "mine": request.session.get("notes", 0)})


@require_http_methods(["POST"])
def upload(request):
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return JsonResponse(form.errors, status=400)
    told, hashed = form.cleaned_data["file"], hashlib.sha256()
    for chunk in told.chunks():
        hashed.update(chunk)
    return JsonResponse({"name": told.name, "length": told.size, "sha256": hashed.hexdigest()})


@require_GET
def count(request):
    numbers = (f"{number}\n" for number in range(int(request.GET.get("to", 5))))
    return StreamingHttpResponse(numbers, content_type="text/plain")


@require_GET
def download(request):
    return FileResponse(open(os.environ["FILE"], "rb"), as_attachment=True, filename="report.bin")


def broken(request):
    raise LookupError("secret-of-the-application")
