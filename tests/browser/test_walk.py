"""What README says of the dashboard, done by somebody who has nothing else: every word that is looked for stands there."""

import os
import re

from stage import REPOSITORY, Check, sign_in
from webdriver import Browser, until

README = os.path.join(REPOSITORY, "README.md")
TOUR = os.path.join(REPOSITORY, "target/dashboard-tour")
# The pictures of README are drawings, made anew by `scripts/browser --tour` alone.
DRAWINGS = os.path.join(REPOSITORY, "docs/pictures") if os.environ.get("WAYGATE_DRAWINGS") == "1" else None


def section():
    """What README says of the dashboard."""
    with open(README, encoding="utf-8") as file:
        return re.search(r"### 4\. The dashboard\n(.*?)\n## ", file.read(), re.DOTALL).group(1)


class Walk(Check):
    """The steps of README in their order, by the words that stand on the page."""

    said = section()

    def setUp(self):
        super().setUp()
        self.browser = Browser(self.stage.driver, self.world.base, size=(1280, 900))
        self.browser.size(1280, 800)
        self.stage.open.append(self.browser)
        self.steps = 0

    def words(self, text):
        """A word of the page that README has told."""
        self.assertIn(text, self.said, "README says so")
        return text

    def follow(self, within, text):
        """Clicks what README calls so."""
        self.browser.click_text(within, self.words(text))

    def seen(self, name):
        """Leaves a picture of the step."""
        self.steps += 1
        self.browser.picture(f"{TOUR}/{self.steps}-{name}.png")
        if DRAWINGS:
            self.browser.drawing(f"{DRAWINGS}/{name}.svg")

    def choose(self, field, name):
        value = self.browser.run(
            "return [...document.querySelector(arguments[0]).options].find(o => o.textContent === arguments[1]).value", field, name)
        self.browser.set(field, value)

    def dialog(self):
        until("a form is open", lambda: self.browser.has("dialog[open] form") and self.browser.text("dialog"))

    def test_readme_leads_from_opening_it_to_taking_it_back(self):
        browser, orders = self.browser, self.stage.orders
        # Open it, and sign in.
        browser.go("/")
        self.assertTrue(browser.url().startswith("/login"))
        sign_in(browser)
        until("it is the overview", lambda: browser.text("h1") == self.words("Overview"))
        browser.live()
        self.seen("overview")

        # Why is a route blocked?
        blocked = "GET /api/payments of payments-service"
        self.assertIn("Payment processor upgrade", browser.text("#unusual-panel"))
        browser.click_text("#unusual-panel a.route", blocked)
        until("it is the page of the route", lambda: browser.url().startswith("/routes/"))
        layers = browser.texts(".chain li b")
        self.assertEqual(layers, [self.words(name) for name in ("Everything", "Service", "Window", "Timed switch", "Route")])
        deciding = browser.text(".chain li.wins")
        self.assertIn("Payment processor upgrade", deciding)
        self.assertIn(self.words("decides"), deciding)
        self.seen("why-a-route-is-blocked")

        # Stop one route.
        self.follow("nav.nav a", "Routes")
        until("it is the list", lambda: browser.text("h1") == "Routes")
        browser.live()
        self.choose("#service", "orders-service")
        until("it is the list of the service", lambda: "service=orders-service" in browser.url() and len(browser.all("tr.group")) == 1)
        row = browser.run("return [...document.querySelectorAll('tr[data-key]')].find(r => r.querySelector('.path').textContent === '/api/payments').dataset.key")
        browser.click_text(f"tr[data-key='{row}'] td.act a", self.words("Disable…"))
        self.dialog()
        browser.fill("dialog [name=reason]", "INC-2291 duplicate transfers")
        self.seen("stop-a-route")
        self.follow("dialog button", "Disable now")

        # See it arrive.
        browser.eventually("disabled GET /api/payments", "#card")
        browser.eventually("Applied 3 of 3.", "#card")
        self.assertEqual([one.answers("/api/payments") for one in orders], [503] * 3)
        self.seen("it-has-arrived")
        self.follow("nav.nav a", "Fleet")
        until("it is the fleet", lambda: browser.text("h1") == "Fleet")
        self.assertGreaterEqual(browser.text("#list").count("In sync"), 3)
        self.follow(".segments a", "Latest changes")
        until("it is the table of changes", lambda: browser.url() == "/fleet/revisions")
        browser.live()
        self.seen("which-instance-enforces-what")

        # Take it back, from the log.
        self.follow("nav.nav a", "Audit")
        until("it is the log", lambda: browser.text("h1") == "Audit")
        browser.live()
        browser.click(".entry a[href^='/changes/']")
        until("it is the change", lambda: browser.url().startswith("/changes/"))
        self.assertIn("INC-2291 duplicate transfers", browser.text("main"))
        self.seen("the-change")
        self.follow("main .head a.button", "Undo…")
        self.dialog()
        self.seen("undo")
        browser.click("dialog [data-submit]")
        until("the services answer", lambda: [one.answers("/api/payments") for one in orders] == [200] * 3)

        # Stop a whole service, and end it.
        self.follow("header a.button", "Emergency stop…")
        self.dialog()
        self.choose("dialog [name=scope]", "orders-service")
        browser.fill("dialog [name=reason]", "moving the ledger")
        self.seen("stop-a-service")
        self.follow("dialog button", "Stop now")
        browser.eventually("began maintenance of orders-service", "#card")
        browser.eventually("Applied 3 of 3.", "#card")
        self.assertEqual([one.answers("/api/orders") for one in orders], [503] * 3)
        for page in ("/", "/limits"):
            browser.go(page)
            self.assertIn("orders-service is in maintenance: moving the ledger", browser.text("#strips"))
        browser.live()
        self.follow("#strips a.button", "End it…")
        self.dialog()
        browser.click("dialog [data-submit]")
        until("the services answer", lambda: [one.answers("/api/orders") for one in orders] == [200] * 3)
        until("the strip is gone", lambda: not browser.has("#strips .strip"))

        # And a whole service's stop is a change as any other.
        until("the dialog is closed", lambda: not browser.has("dialog[open]"))
        self.assertIn("ended maintenance of orders-service", browser.text("#card"))
        self.follow("#card a", "Undo…")
        self.dialog()
        browser.click("dialog [data-submit]")
        until("it is stopped again", lambda: orders[0].answers("/api/orders") == 503)
        self.world.call("POST", "/api/services/orders-service/maintenance/disable", {})
        until("the services answer", lambda: [one.answers("/api/orders") for one in orders] == [200] * 3)
