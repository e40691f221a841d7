#!/usr/bin/env python3
"""Checks what rust-analyzer shows at the options of the attributes: their documentation, and their names while one is typed.

Needs rust-analyzer (`rustup component add rust-analyzer`). Builds larder once for a crate in a temporary folder.
"""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOURCE = """\
use larder::{cache_evict, cache_put, cached, cached_impl};

#[cached(ttl = "5m", key = "user:{id}")]
async fn user(id: u64) -> String {
    id.to_string()
}

#[cached(ttl = "5m", sta, key = "other:{id}")]
async fn other(id: u64) -> String {
    id.to_string()
}

#[cache_evict(user(id), bef, on = "ok")]
async fn save(id: u64) -> Result<(), String> {
    Ok(())
}

#[cache_put(user(id), whe, on = "ok")]
async fn put(id: u64) -> Result<String, String> {
    Ok(id.to_string())
}

struct Repository;

#[cached_impl(ttl = "5m", cod)]
impl Repository {
    #[cached(key = "repository:{id}", skip(self))]
    async fn get(&self, id: u64) -> u64 {
        id
    }
}

fn main() {}
"""
# A text in the source, a position in it, what is shown there, and a name that is offered.
CHECKS = [
    ('ttl = "5m", key', 1, "How long an entry is fresh", "stale"),
    ('key = "user', 1, "The whole key", "key_prefix"),
    ("sta,", 3, None, "stale_if_error"),
    ("bef,", 3, None, "before"),
    ('on = "ok")]\nasync fn save', 1, "evicts only if", "when"),
    ("whe,", 3, None, "when"),
    ("cod)", 3, None, "codec"),
    ("skip(self)", 1, "do not affect the value", "skip_all"),
]


class Server:
    def __init__(self, root):
        self.process = subprocess.Popen(
            ["rust-analyzer"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.last = 0
        capabilities = {"experimental": {"serverStatusNotification": True}}
        options = {"procMacro": {"enable": True}, "checkOnSave": False}
        self.ask("initialize", rootUri=root.as_uri(), capabilities=capabilities, initializationOptions=options)
        self.send(method="initialized", params={})

    def send(self, **message):
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def receive(self):
        length = 0
        while (line := self.process.stdout.readline()) != b"\r\n":
            if not line:
                sys.exit("rust-analyzer has ended")
            if line.lower().startswith(b"content-length"):
                length = int(line.split(b":")[1])
        message = json.loads(self.process.stdout.read(length))
        if "method" in message and "id" in message:
            self.send(id=message["id"], result=None)
        return message

    def ask(self, method, **params):
        self.last += 1
        self.send(id=self.last, method=method, params=params)
        while True:
            message = self.receive()
            if message.get("id") == self.last and "method" not in message:
                return message.get("result")

    def wait(self):
        while True:
            message = self.receive()
            if message.get("method") == "experimental/serverStatus" and message["params"].get("quiescent"):
                return


def main():
    if not shutil.which("rust-analyzer"):
        sys.exit("rust-analyzer is missing: rustup component add rust-analyzer")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "src").mkdir()
        (folder / "src/main.rs").write_text(SOURCE)
        (folder / "Cargo.toml").write_text(
            '[package]\nname = "ide"\nedition = "2024"\n[dependencies]\nlarder = { path = "%s" }\n[workspace]\n' % ROOT
        )
        shutil.copy(ROOT / "Cargo.lock", folder)
        server = Server(folder)
        document = {"uri": (folder / "src/main.rs").as_uri()}
        opened = {**document, "languageId": "rust", "version": 1, "text": SOURCE}
        server.send(method="textDocument/didOpen", params={"textDocument": opened})
        server.wait()
        failures = []
        for text, offset, shown, offered in CHECKS:
            before = SOURCE[: SOURCE.index(text) + offset]
            position = {"line": before.count("\n"), "character": len(before.rsplit("\n", 1)[-1])}
            hover = json.dumps(server.ask("textDocument/hover", textDocument=document, position=position))
            offers = server.ask("textDocument/completion", textDocument=document, position=position) or {}
            items = offers["items"] if isinstance(offers, dict) and "items" in offers else offers
            names = [item["label"] for item in items]
            if shown and shown not in hover:
                failures.append(f"at `{text}`: no {shown!r} in {hover}")
            if offered not in names:
                failures.append(f"at `{text}`: {offered} is not among {names}")
        server.process.kill()
    if failures:
        sys.exit("\n".join(failures))
    print(f"{len(CHECKS)} places: documentation and names are shown")


main()
