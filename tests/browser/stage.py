"""What all tests share: one control plane, its services, and browsers that are signed in."""

import os
import unittest

from webdriver import Browser, Driver, until
from world import REPOSITORY, USERS, World

PICTURES = os.path.join(REPOSITORY, "target/dashboard-pictures")
AXE = os.environ.get("WAYGATE_AXE", "")
LIVENESS = 12
CATALOG = [f"/api/catalog/{number:02}" for number in range(1, 31)]


class Stage:
    """Made once, before the first test."""

    def __init__(self):
        self.driver = Driver()
        self.world = world = World(["--instance-liveness", str(LIVENESS)])
        self.orders = [world.service("orders-service", "orders-service", f"orders-{number}") for number in (1, 2, 3)]
        self.payments = world.service("payments-service", "payments-service", "payments-1")
        self.reference = world.python("reference-service")
        states = [{"path": f"catalog:GET:{path}"} for path in CATALOG]
        states += [
            {"path": "catalog:GET:/api/fx_rates"}, {"path": "catalog:GET:/api/fx-rates"},
            {"path": "catalog:GET:/status/disabled", "status": "disabled", "reason": "Contract ended"},
            {"path": "catalog:GET:/status/maintenance", "status": "maintenance", "reason": "Ledger migration"},
            {"path": "catalog:GET:/status/gated", "status": "env_gated", "allowed_envs": ["dev", "staging"]},
            {"path": "catalog:GET:/status/old", "status": "deprecated", "sunset_date": "2030-01-01",
             "successor_path": "/status/new"},
        ]
        world.call("POST", "/api/sdk/register", {"app_id": "catalog", "states": states})
        world.settled("orders-service", 3)
        world.settled("payments-service", 1)
        world.settled("reference-service", 1)
        self.open = []
        self.admin = self.browser("admin")
        self.other = self.browser("admin")
        self.plain = self.browser("admin", script=False)

    def browser(self, user, **options):
        browser = Browser(self.driver, self.world.base, **options)
        self.open.append(browser)
        if user:
            sign_in(browser, user)
        return browser

    def stop(self):
        for browser in self.open:
            browser.close()
        self.driver.stop()
        self.world.stop()


def sign_in(browser, user="admin"):
    browser.go("/login")
    browser.fill("#username", user)
    browser.type("#password", USERS[user])
    browser.click("main form button.primary")
    until("the sign-in leads on", lambda: not browser.url().startswith("/login"))


class Check(unittest.TestCase):
    """A test with the stage at hand."""

    stage: Stage

    def setUp(self):
        self.world, self.admin, self.other, self.plain = (
            self.stage.world, self.stage.admin, self.stage.other, self.stage.plain,
        )

    def status(self, name):
        return self.world.route(name)["effective"]

    def becomes(self, name, status):
        until(f"{name} is {status}", lambda: self.status(name) == status)

    def act(self, browser, name, act, reason=None, **fields):
        """Opens a form from the list, as a dialog, and fills it in."""
        from world import key

        browser.go(f"/routes?q={name.split(':', 2)[2]}")
        browser.live()
        row = f"tr[data-key='{key(name)}']"
        link = f"{row} td.act > .actions > a[href*='/{act}']"
        if not browser.has(link):
            browser.click(f"{row} .more")
            link = f"{row} [popover] :is(a[href*='/{act}'], button[value='{act}'])"
        browser.click(link)
        until("the dialog is open", lambda: browser.has("dialog[open] form") and browser.text("dialog"))
        if reason:
            browser.fill("dialog textarea[name=reason]", reason)
        for name, value in fields.items():
            browser.set(f"dialog [name={name}]", value)

    def confirm(self, browser):
        browser.click("dialog [data-submit]")
        until("the dialog is closed", lambda: not browser.has("dialog[open]"))
