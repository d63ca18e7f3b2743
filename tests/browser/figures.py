"""How quick the pages are with 2,000 routes and 200 instances. Prints a table."""

import gzip
import http.client
import json
import re
import socket
import statistics
import time
import urllib.request

from stage import sign_in
from webdriver import Browser, Driver, until
from world import World, key

SERVICES, ROUTES, INSTANCES, ROUNDS = 20, 100, 10, 30
PAGES = ["/", "/routes", "/routes?page=20", "/routes?q=resource/07", "/routes?status=disabled", "/fleet", "/traffic?window=24h", "/limits", "/schedule",
         "/audit", "/search?q=resource", f"/routes/{key('service-07:GET:/api/resource/042')}"]


def fill(world):
    """Routes in all states, and streams that are open and acknowledged."""
    sockets = []
    for service in range(SERVICES):
        name = f"service-{service:02}"
        states = [{"path": f"{name}:GET:/api/resource/{route:03}"} for route in range(ROUTES)]
        for route, status in [(3, "disabled"), (5, "maintenance"), (7, "disabled")]:
            states[route] |= {"status": status, "reason": "planned work on the shelves"}
        world.call("POST", "/api/sdk/register", {"app_id": name, "states": states})
    for service in range(SERVICES):
        name = f"service-{service:02}"
        for instance in range(INSTANCES):
            stream = socket.create_connection(("127.0.0.1", world.port))
            head = (f"GET /api/sdk/stream?service={name} HTTP/1.1\r\nHost: 127.0.0.1:{world.port}\r\nX-Waygate-Token: {world.token}\r\n"
                    f"X-Waygate-App-Id: {name}\r\nX-Waygate-Instance: {name}-{instance}\r\n\r\n")
            stream.sendall(head.encode())
            sockets.append((name, f"{name}-{instance}", stream))
    for name, instance, stream in sockets:
        text = b""
        stream.settimeout(10)
        while not (found := re.search(rb"id: ?([0-9a-f]+:\d+:[0-9a-f]{16})\s", text)):
            text += stream.recv(65536)
        world.call("POST", "/api/sdk/acknowledge", {"app_id": name, "instance": instance, "cursor": found.group(1).decode()})
    return sockets


def measured(world, cookie, path):
    """Median milliseconds at the server's door, bytes, bytes compressed."""
    connection = http.client.HTTPConnection("127.0.0.1", world.port)
    head = {"cookie": cookie, "accept": "text/html", "accept-encoding": "gzip"}
    times, body = [], b""
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        connection.request("GET", path, headers=head)
        answer = connection.getresponse()
        body = answer.read()
        times.append((time.perf_counter() - begun) * 1000)
        assert answer.status == 200, (path, answer.status)
    return statistics.median(times), len(gzip.decompress(body)), len(body)


def opened(browser, path):
    """Median milliseconds until a page can be used, and until it is live."""
    usable, live = [], []
    for _ in range(5):
        browser.go(path)
        until("it is live", lambda: browser.attribute("#live", "data-live") == "on")
        usable.append(browser.run("return performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"))
    return statistics.median(usable)


def main():
    driver, world = Driver(), World()
    browser = None
    try:
        sockets = fill(world)
        browser = Browser(driver, world.base)
        sign_in(browser)
        session = next(c for c in browser.do("GET", "/cookie") if c["name"] == "waygate_session")
        cookie = f"waygate_session={session['value']}"
        count = len(json.load(urllib.request.urlopen(urllib.request.Request(
            world.base + "/api/instances", headers={"X-Waygate-Token": world.token}))))
        print(f"{SERVICES * ROUTES} routes, {count} instances, {len(sockets)} streams")
        print(f"{'page':44} {'server ms':>10} {'bytes':>9} {'gzip':>8} {'usable ms':>10}")
        for path in PAGES:
            took, raw, packed = measured(world, cookie, path)
            print(f"{path[:44]:44} {took:10.1f} {raw:9} {packed:8} {opened(browser, path):10.0f}")
    finally:
        if browser:
            browser.close()
        driver.stop()
        world.stop()
    return 0
