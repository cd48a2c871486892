"""Drives an unmodified openai-python against a running studio.

    python conformance.py http://127.0.0.1:8765

The studio must allow webhooks to this machine; `run` beside this file sets all of it up.
"""

import base64
import hashlib
import http.server
import json
import queue
import sys
import threading
import urllib.request

import openai
from openai import OpenAI

BASE = sys.argv[1]
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c4944415408d763f8cfc000000301010018dd8db00000000049454e44ae426082"
)
PROMPT = "a dog runs over a beach at dawn"
FAST = {"num_inference_steps": 2, "seed": 7}
# No retries: a refusal that the SDK would send again shows as a wrong status, not as patience.
client = OpenAI(base_url=f"{BASE}/v1", api_key="unused", max_retries=0)


def refused(error, code, param, call):
    """The call fails with this class, code and field, and says why."""
    try:
        call()
    except error as found:
        assert (found.code, found.param) == (code, param), found
        assert found.request_id and found.message, found
    else:
        raise AssertionError(f"{code} was not refused")


def make():
    """create, plain and with extras; create_and_poll; every key of the answer."""
    video = client.videos.create(prompt=PROMPT, seconds="1", extra_body=FAST)
    assert video.status in ("queued", "in_progress") and video.object == "video", video
    assert (video.model, video.seconds, video.size) == ("kinora-1", "1", "576x320"), video
    assert video.seed == 7 and video.num_inference_steps == 2, "extras are echoed"
    video = client.videos.create_and_poll(
        prompt=PROMPT, model="sora-2", seconds="1", size="1280x720", extra_body=FAST
    )
    assert (video.status, video.progress, video.error) == ("completed", 100, None), video
    assert (video.model, video.size) == ("kinora-1", "1280x720"), video
    assert video.completed_at >= video.created_at and video.expires_at is None
    return video


def download(video):
    content = client.videos.download_content(video.id).read()
    assert content[4:8] == b"ftyp"
    assert client.videos.download_content(video.id, variant="video").read() == content
    thumbnail = client.videos.download_content(video.id, variant="thumbnail").read()
    assert thumbnail[8:12] == b"WEBP"
    sheet = client.videos.download_content(video.id, variant="spritesheet").read()
    assert sheet[:2] == b"\xff\xd8"


def remix_and_delete(video):
    remix = client.videos.remix(video.id, prompt="a dog runs over a beach at night")
    assert remix.remixed_from_video_id == video.id and remix.seed == video.seed, remix
    deleted = client.videos.delete(remix.id)  # unfinished: cancelled first
    assert (deleted.id, deleted.deleted, deleted.object) == (remix.id, True, "video.deleted")
    refused(
        openai.NotFoundError, "video_not_found", None, lambda: client.videos.retrieve(remix.id)
    )


def paging():
    made = [client.videos.create(prompt=PROMPT, seconds="1", extra_body=FAST).id for _ in range(3)]
    paged = [video.id for video in client.videos.list(limit=2)]  # follows `after` by itself
    assert paged[:3] == made[::-1] and len(paged) == len(set(paged)), paged
    oldest = client.videos.list(limit=1, order="asc")
    assert oldest.data[0].id == paged[-1] and oldest.has_more
    for one in made:
        client.videos.delete(one)


def begins_with_a_picture():
    data_url = "data:image/png;base64," + base64.b64encode(PNG).decode()
    as_file = {"input_reference": ("a.png", PNG, "image/png"), "extra_body": FAST}
    as_url = {"extra_body": FAST | {"input_reference": {"image_url": data_url}}}
    for picture in (as_file, as_url):
        video = client.videos.create(prompt=PROMPT, seconds="1", **picture)
        recipe = client.get(f"/videos/{video.id}/recipe", cast_to=object)
        assert recipe["effective"]["given"]["image"] == hashlib.sha256(PNG).hexdigest(), recipe
        client.videos.delete(video.id)


def extend(video):
    if not hasattr(client.videos, "extend"):
        return  # 2.24.0
    # As a file: 2.30.0 cannot send the id that its own type allows.
    clip = ("clip.mp4", client.videos.download_content(video.id).read(), "video/mp4")
    longer = client.videos.extend(prompt="the dog runs away", seconds="1", video=clip)
    assert float(longer.seconds) == float(video.seconds) + 1, longer
    client.videos.delete(longer.id)


def errors():
    create = client.videos.create
    bad, missing = openai.BadRequestError, openai.NotFoundError
    refused(bad, "invalid_seconds", "seconds", lambda: create(prompt=PROMPT, seconds="60"))
    refused(bad, "unknown_model", "model", lambda: create(prompt=PROMPT, model="gpt-9"))
    refused(bad, "moderation_blocked", "prompt", lambda: create(prompt="a nude woman"))
    field = {"output": "/etc/x"}
    refused(bad, "unknown_field", "output", lambda: create(prompt=PROMPT, extra_body=field))
    reference = {"prompt": PROMPT, "input_reference": ("a.png", b"no picture", "image/png")}
    refused(bad, "invalid_value", "input_reference", lambda: create(**reference))
    reference = {"input_reference": {"image_url": "data:image/png;base64,AAAA"}}
    refused(
        bad,
        "invalid_value",
        "input_reference",
        lambda: create(prompt=PROMPT, extra_body=reference),
    )
    refused(missing, "video_not_found", None, lambda: client.videos.retrieve("video_none"))
    waiting = create(prompt=PROMPT, seconds="4", extra_body={"num_inference_steps": 200})
    refused(missing, "not_ready", None, lambda: client.videos.download_content(waiting.id))
    client.videos.delete(waiting.id)
    once = {"Idempotency-Key": f"once-{openai.__version__}"}
    first = create(prompt=PROMPT, seconds="1", extra_body=FAST, extra_headers=once)
    again = create(prompt=PROMPT, seconds="1", extra_body=FAST, extra_headers=once)
    assert first.id == again.id
    other = lambda: create(prompt="a cat", seconds="1", extra_headers=once)
    refused(openai.ConflictError, "idempotency_mismatch", None, other)


def call(method, path, body=None):
    """What this SDK may be too old to ask for."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(f"{BASE}/v1{path}", data, headers, method=method)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def webhooks():
    """An event arrives, and the SDK's own `unwrap` finds its signature good."""
    inbox = queue.Queue()

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            inbox.put((body, dict(self.headers)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/"
    new = {"name": "conformance", "url": url, "event_types": ["video.completed"]}
    if hasattr(client.webhooks, "create"):
        endpoint = client.webhooks.create(**new)
        assert client.webhooks.retrieve(endpoint.id).url == url
        assert endpoint.id in [one.id for one in client.webhooks.list()]
        result = client.webhooks.test(endpoint.id, event_type="video.completed")
        assert result.status_code == 204
        inbox.get(timeout=60)
        id, secret = endpoint.id, endpoint.signing_secret
    else:
        endpoint = call("POST", "/webhook_endpoints", new)
        id, secret = endpoint["id"], endpoint["signing_secret"]
    video = client.videos.create_and_poll(prompt=PROMPT, seconds="1", extra_body=FAST)
    while True:  # earlier videos may end in between
        body, headers = inbox.get(timeout=60)
        event = client.webhooks.unwrap(body, headers, secret=secret)
        assert event.type == "video.completed", event
        if event.data.id == video.id:
            break
    try:
        client.webhooks.unwrap(body + b" ", headers, secret=secret)
    except openai.InvalidWebhookSignatureError:
        pass
    else:
        raise AssertionError("a forged body was taken")
    if hasattr(client.webhooks, "delete"):
        assert client.webhooks.delete(id).deleted
    else:
        assert call("DELETE", f"/webhook_endpoints/{id}")["deleted"]


def main():
    assert "kinora-1" in [model.id for model in client.models.list()]
    video = make()
    download(video)
    remix_and_delete(video)
    begins_with_a_picture()
    extend(video)
    paging()
    errors()
    webhooks()
    print(f"openai-python {openai.__version__}: all fine")


main()
