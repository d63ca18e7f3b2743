"""A picture of every page, for the book: drawn by `scripts/browser --pictures`, held against the list of pages by every run."""

import os
import re

from stage import PICTURES, REPOSITORY, Check, sign_in
from webdriver import Browser, until
from world import key

DRAWN = os.path.join(REPOSITORY, "docs/pictures/pages")
BOOK = os.path.join(REPOSITORY, "docs/dashboard-pictures.md")
TABLE = os.path.join(REPOSITORY, "crates/waygate-server/src/dashboard.rs")
ROUTE = "orders-service:GET:/api/orders"
# Each page by its template, and what its picture is called.
PAGES = {
    "/login": "sign-in",
    "/": "overview",
    "/routes": "routes",
    "/routes/{path_key}": "a-route",
    "/routes/{path_key}/{action}": "a-form",
    "/routes/bulk": "several-routes",
    "/stop": "emergency-stop",
    "/maintenance": "maintenance-of-everything",
    "/maintenance/{service}": "maintenance-of-a-service",
    "/fleet": "fleet",
    "/fleet/revisions": "latest-changes",
    "/fleet/{service}/{instance}": "an-instance",
    "/traffic": "traffic",
    "/limits": "limits",
    "/limits/{kind}/{name}": "a-limit",
    "/limits/{kind}/{name}/{action}": "a-limit-changed",
    "/schedule": "schedule",
    "/schedule/new": "a-plan",
    "/schedule/{path_key}/{window}": "a-window",
    "/audit": "audit",
    "/changes/{revision}": "a-change",
    "/changes/{revision}/undo": "undo",
    "/search": "search",
    "/settings": "settings",
    "/settings/sessions": "sessions",
    "/settings/tokens": "tokens",
    "/settings/about": "about",
}
# What a browser gets that is no page, and questions about an instance that is gone, which look as other forms do.
OTHERS = re.compile(r"/export$|\.ics$|^/ui/|^/fleet/\{service\}/\{instance\}/")


class Gallery(Check):
    def test_every_page_is_in_the_book(self):
        with open(TABLE, encoding="utf-8") as file:
            templates = re.findall(r'\bget\(\w+, "([^"]+)"', file.read())
        self.assertEqual({path for path in templates if not OTHERS.search(path)}, set(PAGES))
        with open(BOOK, encoding="utf-8") as file:
            shown = re.findall(r"\]\(pictures/pages/([\w-]+)\.svg\)", file.read())
        self.assertEqual(sorted(shown), sorted(PAGES.values()))
        self.assertEqual(sorted(os.listdir(DRAWN)), sorted(f"{name}.svg" for name in PAGES.values()))

    def test_every_page_is_seen(self):
        world, browser = self.world, Browser(self.stage.driver, self.world.base, size=(1280, 900))
        self.stage.open.append(browser)
        browser.size(1280, 800)
        browser.go("/login")
        self.shot(browser, "/login")
        sign_in(browser)
        for answer in self.stage.orders * 5:
            answer.answers("/api/orders")
        world.call("POST", "/api/rate-limits", {"path": ROUTE, "limit": "1000/minute", "key_strategy": "ip"})
        window = {"start": "2030-05-06T01:00:00Z", "end": "2030-05-06T03:00:00Z", "reason": "Ledger migration"}
        world.route(ROUTE, "schedule", window)
        number = next(one["id"] for one in world.call("GET", "/api/schedules") if one["route"] == ROUTE)
        world.route("payments-service:GET:/api/payments", "disable", {"reason": "INC-42: double charges"})
        change = world.revision()
        try:
            for template in PAGES:
                path = template.replace("/schedule/{path_key}/{window}", f"/schedule/{key(ROUTE)}/{number}")
                path = path.replace("{path_key}/{action}", f"{key(ROUTE)}/disable").replace("{path_key}", key(ROUTE))
                path = path.replace("{kind}/{name}/{action}", f"routes/{key(ROUTE)}/edit").replace("{kind}/{name}", f"routes/{key(ROUTE)}")
                path = path.replace("{service}", "orders-service").replace("{instance}", "orders-1").replace("{revision}", str(change))
                path = {"/search": "/search?q=orders", "/routes/bulk": "/routes/bulk?do=disable&all=true&q=catalog"}.get(path, path)
                if template != "/login":
                    browser.go(path)
                    self.shot(browser, template)
        finally:
            world.call("DELETE", f"/api/routes/{key(ROUTE)}/schedule")
            world.call("DELETE", f"/api/rate-limits/{key(ROUTE)}")
            world.route("payments-service:GET:/api/payments", "enable", {"reason": "seen"})

    def shot(self, browser, template):
        name = PAGES[template]
        until(f"{template} has a heading", lambda: browser.has("h1"))
        self.assertNotIn("Not found", browser.text("h1"), template)
        browser.picture(f"{PICTURES}/pages/{name}.png")
        if os.environ.get("WAYGATE_DRAWINGS") == "pages":
            browser.drawing(f"{DRAWN}/{name}.svg")
