"""A module that cannot be imported, for a reason that a traceback tells."""


def settings():
    return {}["DATABASE_URL"]


SETTINGS = settings()


def application(environ, start_response):
    raise AssertionError("nobody can come here")
