"""A provider of models on this machine whose replies the tests choose: OpenAI's chat API, streaming."""
import http.server
import json
import threading


class FakeProvider:
    def __init__(self):
        self.replies = {}   # question -> text, or a list of pieces
        self.requests = []  # bodies
        self.hold = threading.Event()  # while clear, "slow" replies wait after their first piece
        self.hold.set()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.requests.append(body)
                try:
                    outer.answer(self, body)
                except (BrokenPipeError, ConnectionResetError):
                    pass  # the reader stopped

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def option(self, name):
        """For --provider."""
        return f"{name}=model-of-{name}@http://127.0.0.1:{self.server.server_port}/v1"

    def answer(self, handler, body):
        question = body["messages"][-1]["content"]
        reply = self.replies.get(question, f"{body['model']} heard: {question}")
        pieces = [reply] if isinstance(reply, str) else reply
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.end_headers()
        for piece in pieces:
            self.send(handler, {"choices": [{"index": 0, "delta": piece if isinstance(piece, dict)
                                             else {"content": piece}}]})
            self.hold.wait(30)
        self.send(handler, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
                            "usage": {"prompt_tokens": 11, "completion_tokens": len(pieces)}})
        handler.wfile.write(b"data: [DONE]\n\n")

    @staticmethod
    def send(handler, event):
        handler.wfile.write(b"data: " + json.dumps(event).encode() + b"\n\n")
        handler.wfile.flush()

    def close(self):
        self.hold.set()
        self.server.shutdown()
        self.server.server_close()
