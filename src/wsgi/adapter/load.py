"""Finds the application that a target names, or explains to the operator why there is none."""

import os
import re
import sys

NAMES_LIMIT = 30  # names of callables in a message


class Unusable(Exception):
    """Why there is no application, for the operator."""


def load(target):
    """The application that the target names, and its description for the log."""
    module_name, _, name = (part.strip() for part in target.partition(":"))
    module = load_module(module_name)
    first = re.match(r"\w*", name).group()
    lacks = "no attribute %r" % first
    if not name:
        name = first = "application" if hasattr(module, "application") else "app"
        lacks = "neither 'application' nor 'app'"
    if not hasattr(module, first):
        own = [key for key, value in vars(module).items() if is_own(module, key, value)]
        has = ", ".join(own[:NAMES_LIMIT]) or "no callables"
        text = "module %r has %s; it has: %s" % (module_name, lacks, has)
        raise Unusable(text + hint_at_part(module))
    # A dotted name, or a call with arguments. The operator is trusted, as the application is.
    try:
        expression = compile(name, NAME, "eval")
    except SyntaxError:
        raise Unusable("%r is neither a name nor a call" % name) from None
    found = eval(expression, vars(module))
    told = "%s:%s" % (module_name, name)
    if not callable(found):
        raise Unusable("%s is not callable, but of type %s" % (told, type(found).__name__))
    code = getattr(found, "__code__", None) or getattr(type(found).__call__, "__code__", None)
    if code and code.co_flags & 0x80:  # CO_COROUTINE
        text = "%s is async: an ASGI application, not a WSGI one; run it with an ASGI server "
        text += "(uvicorn, hypercorn), or wrap it: a2wsgi.ASGIMiddleware(%s)"
        raise Unusable(text % (told, name))
    # A class or an object may be an application in ways that cannot be checked.
    if type(found).__name__ == "function" and code.co_argcount < 2 and not code.co_flags & 0x04:
        text = "%s takes no environ and start_response; if it makes the application, say %s()"
        raise Unusable(text % (told, told))
    return found, "%s from %s" % (told, getattr(module, "__file__", "a folder"))


def hint_at_part(module):
    """A hint where the target names a project's package instead of its wsgi module, as with Django."""
    for place in getattr(module, "__path__", []):
        if os.path.exists(os.path.join(place, "wsgi.py")):
            return "; there is '%s.wsgi'" % module.__name__
    return ""


def is_own(module, name, value):
    """Whether the operator may mean it: it is no function or class that was imported from elsewhere."""
    if name.startswith("_"):
        return False
    try:
        if isinstance(value, type) or hasattr(value, "__code__"):
            return value.__module__ == module.__name__
        return callable(value)
    except Exception:
        return False  # such as Flask's request outside of a request


def load_module(name):
    if "/" in name or name.endswith(".py"):
        raise Unusable("%r is a path; a module is named as import does: package.module" % name)
    try:
        __import__(name)  # importlib.import_module would leave frames of its own
    except ModuleNotFoundError as error:
        if trace_of(error) or not (name + ".").startswith("%s." % error.name):
            raise  # the module exists, but one that it imports does not
        raise Unusable(no_module(error)) from None
    except ValueError as error:
        if trace_of(error):
            raise
        raise Unusable("%r cannot be the name of a module" % name) from None
    return sys.modules[name]


def which_python():
    """Which Python lacks a module: another one may have it."""
    told = "Python %s, %s" % (sys.version.split()[0], sys.executable)
    if sys.prefix == sys.base_prefix:
        told += ", not of a virtual environment"
        for place in (".venv", "venv", "env"):
            if os.path.exists(place + "/bin/python"):
                return told + '; there is one: say python = "%s/bin/python", or activate it' % place
    return told


def no_module(error):
    import difflib
    import pkgutil

    parent, _, last = error.name.rpartition(".")
    places = list(getattr(sys.modules[parent], "__path__", [])) if parent else [os.getcwd()]
    if not places:
        return str(error)
    near = difflib.get_close_matches(
        last, [found.name for found in pkgutil.iter_modules(places)], 1
    )
    hint = "; there is %r" % ".".join(filter(None, [parent, near[0]])) if near else ""
    return "no module named %r in %s%s" % (error.name, ", ".join(places), hint)
