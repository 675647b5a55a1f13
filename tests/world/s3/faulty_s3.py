"""moto's S3 on 127.0.0.1, behind a layer that misbehaves as stores do: `faulty_s3.py PORT FILE`.

FILE holds what is wrong at the moment, read anew for every request:
  fine  nothing
  busy  two of three requests for the same thing are answered with 503 SlowDown
  slow  the first time that an object is read, half of what was asked for comes and then nothing for a minute
  cut   a multipart upload's second part is never answered, and FILE.cut appears
Every request is noted in FILE.log, as METHOD PATH?QUERY STATUS.
"""

import collections
import sys
import threading
import time

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

SLOW_DOWN = b'<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>'


class Faulty:
    def __init__(self, app, fault_file):
        self.app = app
        self.fault_file = fault_file
        self.seen = collections.Counter()
        self.lock = threading.Lock()

    def __call__(self, environ, start_response):
        with open(self.fault_file) as file:
            fault = file.read().strip()
        method, path, query = environ["REQUEST_METHOD"], environ["PATH_INFO"], environ.get("QUERY_STRING", "")
        piece = environ.get("HTTP_RANGE") if fault == "busy" else None
        request = (fault, method, path, query, piece)
        with self.lock:
            time_before = self.seen[request]
            self.seen[request] += 1
        if fault == "busy" and time_before % 3 < 2:
            self.note(method, path, query, "503")
            # What is sent has to be read, or the answer is lost with the connection.
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            start_response("503 Slow Down", [("Content-Type", "application/xml"), ("Content-Length", str(len(SLOW_DOWN)))])
            return [SLOW_DOWN]
        if fault == "cut" and method == "PUT" and "partNumber=2&" in query + "&":
            self.note(method, path, query, "cut")
            open(self.fault_file + ".cut", "w").close()
            time.sleep(600)
        status = []

        def started(line, headers, *more):
            status.append(line.split()[0])
            return start_response(line, headers, *more)

        body = b"".join(self.app(environ, started))
        self.note(method, path, query, status[0])
        if fault == "slow" and method == "GET" and status[0] == "206" and time_before == 0:
            return self.half(body)
        return [body]

    def half(self, body):
        yield body[: len(body) // 2]
        time.sleep(60)

    def note(self, *words):
        with self.lock, open(self.fault_file + ".log", "a") as log:
            log.write("{} {}?{} {}\n".format(*words))


class Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, *_):
        pass


port, fault_file = int(sys.argv[1]), sys.argv[2]
app = Faulty(DomainDispatcherApplication(create_backend_app), fault_file)
make_server("127.0.0.1", port, app, threaded=True, request_handler=Quiet).serve_forever()
