"""Without script; what is loaded; what it weighs."""

import gzip
import json
import re
import urllib.request

from stage import CATALOG, Check
from webdriver import Keys, until
from world import key

PAGES = ["/", "/routes", "/fleet", "/fleet/revisions", "/traffic", "/limits", "/schedule", "/audit", "/search?q=orders", "/stop", "/maintenance", "/nope",
         "/settings", "/settings/sessions", "/settings/tokens", "/settings/about", "/limits/global/all", "/limits/global/all/edit",
         "/schedule/new", "/schedule?view=month", "/routes?sort=-changed", "/routes/bulk?do=disable&all=true&q=catalog",
         "/maintenance/orders-service", f"/routes/{key('orders-service:GET:/api/orders')}",
         f"/routes/{key('orders-service:GET:/api/orders')}/disable",
         f"/routes/{key('orders-service:GET:/api/orders')}/schedule",
         f"/routes/{key('orders-service:GET:/api/orders')}/env", "/fleet/orders-service/orders-1"]


class Plain(Check):
    def test_31_everything_works_without_script(self):
        plain, name = self.plain, f"catalog:GET:{CATALOG[17]}"
        plain.go("/routes")
        self.assertIn("Not live", plain.text("#live"))
        plain.fill("#text", CATALOG[17])
        plain.click_text("form.filters button", "Filter")
        until("it is filtered", lambda: "q=" in plain.url())
        self.assertEqual(len(plain.all("tr[data-key]")), 1)
        plain.click("tr[data-key] td.act > .actions > a")
        until("it is a page", lambda: plain.has("textarea[name=reason]"))
        plain.type("textarea[name=reason]", "without script")
        plain.click("[data-submit]")
        until("it leads back", lambda: "done=" in plain.url())
        self.assertEqual(self.status(name), "disabled")
        self.assertIn("stored", plain.text("#card"))
        plain.click("input[name=route]")
        plain.click("[data-bulk-bar] button[value=enable]")
        until("it is a page", lambda: plain.has("[data-submit]"))
        plain.click("[data-submit]")
        until("it leads back", lambda: "done=" in plain.url())
        self.assertEqual(self.status(name), "active")

    def test_31_planning_and_taking_back_and_signing_out_without_script(self):
        plain = self.stage.browser("vera", script=False)
        plain.go(f"/routes/{key('catalog:GET:' + CATALOG[18])}/schedule")
        for field, value in [("start", "01012030\ue0040100AM"), ("end", "01022030\ue0040100AM")]:
            plain.type(f"[name={field}]", value)
        plain.type("textarea[name=reason]", "far away")
        plain.click("[data-submit]")
        until("it leads back", lambda: "done=" in plain.url())
        plain.go("/schedule")
        self.assertIn("far away", plain.text("#list"))
        plain.click_text("#list td.act a", "Cancel")
        until("it is a page", lambda: plain.has("[data-submit]"))
        plain.click("[data-submit]")
        until("it leads back", lambda: "done=" in plain.url())
        plain.go("/schedule")
        self.assertNotIn("far away", plain.text("#list"))
        plain.click_text(".who button", "Sign out")
        until("it leads to the sign-in", lambda: plain.url().startswith("/login"))
        plain.go("/routes")
        self.assertTrue(plain.url().startswith("/login"))

    def test_32_no_page_asks_for_anything_elsewhere_or_complains(self):
        browser = self.admin
        browser.log()
        browser.log("performance")
        for page in PAGES:
            browser.go(page)
        self.dialogs(browser)
        policy = browser.wait_for("fetch('/routes').then(r => arguments[0](r.headers.get('content-security-policy')))")
        self.assertIn("default-src 'none'", policy)
        self.assertNotIn("unsafe", policy)
        events = [json.loads(entry["message"])["message"] for entry in browser.log("performance")]
        asked = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
        elsewhere = [url for url in asked if not url.startswith(self.world.base) and not url.startswith(("data:", "chrome"))]
        self.assertGreater(len(asked), len(PAGES))
        self.assertEqual(elsewhere, [])
        complaints = [entry["message"] for entry in browser.log() if "/nope" not in entry["message"]]
        self.assertEqual(complaints, [])

    def dialogs(self, browser):
        """Opens one of each kind."""
        name = key("orders-service:GET:/api/orders")
        for page, link in (("/routes?service=orders-service", f"a[href*='{name}/disable']"), ("/stop", "header a.alarm"),
                           ("/limits", "a[href='/limits/global/all/edit']"), ("/schedule", "a[href^='/schedule/new']"),
                           ("/fleet/orders-service/orders-1", "#head a.button")):
            browser.go(page)
            browser.live()
            browser.click(link)
            until("the dialog is open", lambda: browser.has("dialog[open] form") and browser.text("dialog"))
            for field, text in (("reason", "why"), ("limit", "5/minute"), ("routes", "orders-service:GET:/api/orders")):
                if browser.has(f"dialog [name={field}]"):
                    browser.fill(f"dialog [name={field}]", text)
            if browser.has("dialog button[name=preview]"):
                browser.click("dialog button[name=preview]")
                until("it is answered", lambda: browser.has("dialog #preview"))
            browser.press(Keys.ESCAPE)
            until("the dialog is closed", lambda: not browser.has("dialog[open]"))
        browser.press("?")
        until("the keys are shown", lambda: browser.has("dialog[open] .keys"))
        browser.press(Keys.ESCAPE)

    def test_33_a_page_takes_four_requests_at_most(self):
        browser = self.stage.browser("admin")
        for page in ("/", "/routes", "/traffic", "/audit"):
            browser.go(page)
            browser.live()
            # What the module fetches later is no part of the page: the stream, and the page again as it has become.
            asked = browser.run("return performance.getEntriesByType('resource').map(one => [one.initiatorType, one.name])")
            parts = [name for kind, name in asked if kind != "fetch" and not name.endswith("/ui/events")]
            self.assertLessEqual(1 + len(parts), 4, (page, asked))
            self.assertGreaterEqual(len(parts), 2, (page, asked))
            self.assertTrue(all(name.startswith(self.world.base) for _, name in asked), asked)

    def fetched(self, path):
        cookie = next(c for c in self.admin.do("GET", "/cookie") if c["name"] == "waygate_session")
        head = {"cookie": f"waygate_session={cookie['value']}", "accept": "text/html", "accept-encoding": "gzip"}
        with urllib.request.urlopen(urllib.request.Request(self.world.base + path, headers=head)) as answer:
            body = answer.read()
            packed = answer.headers.get("content-encoding") == "gzip"
        return (gzip.decompress(body) if packed else body), len(body), packed

    def test_33_pages_style_and_script_stay_small(self):
        self.world.call("POST", "/api/sdk/register", {
            "app_id": "wide", "states": [{"path": f"wide:GET:/wide/{number:03}"} for number in range(120)],
        })
        page, sent, packed = self.fetched("/routes?service=wide")
        self.assertTrue(packed, "pages travel compressed")
        self.assertEqual(page.count(b"<tr data-key"), 100)
        self.assertLessEqual(len(page), 160_000)
        self.assertLessEqual(sent, 18_000)
        script = re.search(rb'src="([^"]+\.js)"', page).group(1).decode()
        style = re.search(rb'href="([^"]+\.css)"', page).group(1).decode()
        for path, raw, small in [(script, 25_600, 9_216), (style, 40_960, 10_240)]:
            content, sent, packed = self.fetched(path)
            self.assertTrue(packed, path)
            self.assertLessEqual(len(content), raw, path)
            self.assertLessEqual(sent, small, path)
