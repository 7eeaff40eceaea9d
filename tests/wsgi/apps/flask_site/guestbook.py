"""A Flask application as people write them: pages, forms, uploads, sessions, downloads, JSON."""

import hashlib
import io
import os

from flask import (
    Flask, Response, abort, flash, jsonify, redirect, render_template, request, send_file, session,
    stream_with_context, url_for,
)  # fmt: skip

app = Flask(__name__)
app.secret_key = os.environ.get("SECRET_KEY", "only for tests")
app.config["MAX_CONTENT_LENGTH"] = 64 * 1024 * 1024
ENTRIES = []


@app.get("/")
def home():
    return render_template("home.html", entries=ENTRIES, name=session.get("name"))


@app.post("/sign")
def sign():
    name = request.form.get("name", "").strip()
    if not name:
        abort(400, "a name is missing")
    session["name"] = name
    ENTRIES.append((name, request.form.get("words", "")))
    flash("thank you")
    return redirect(url_for("home"), 303)


@app.post("/leave")
def leave():
    session.clear()
    return redirect(url_for("home"), 303)


@app.post("/upload")
def upload():
    told = request.files["file"]
    content = told.read()
    return jsonify(name=told.filename, length=len(content), sha256=hashlib.sha256(content).hexdigest())


@app.post("/api/sum")
def add():
    return jsonify(sum=sum(request.get_json()["numbers"]))


@app.get("/pages/<path:name>")
def page(name):
    return f"<h1>{name}</h1>\n<p>{url_for('page', name=name)}</p>\n"


@app.get("/count")
def count():
    @stream_with_context
    def numbers():
        for number in range(int(request.args.get("to", 5))):
            yield f"{number}\n"

    return Response(numbers(), mimetype="text/plain")


@app.get("/download")
def download():
    return send_file(os.environ["FILE"], as_attachment=True, download_name="report.bin", conditional=True)


@app.get("/picture")
def picture():
    return send_file(io.BytesIO(b"\x89PNG made in memory"), mimetype="image/png")


@app.get("/broken")
def broken():
    raise LookupError("secret-of-the-application")
