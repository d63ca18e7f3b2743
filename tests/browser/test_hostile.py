"""What somebody tries who means no good, or has long names, an odd service, a small screen."""

import os
import subprocess

from stage import Check
from webdriver import until
from world import PROGRAMS, key

ODD = "x&y z"
PAYMENTS = "payments-service:GET:/api/payments"


class Hostile(Check):
    def test_a_phone_reaches_every_page_and_signs_out(self):
        browser = self.stage.browser("admin")
        browser.size(390, 844)
        for name in ["Traffic", "Limits", "Schedule", "Settings"]:
            browser.go("/routes")
            browser.click_text(".tabs button", "More")
            browser.click_text("#others a", name)
            until(f"{name} is open", lambda: browser.url().startswith(f"/{name.lower()}"))
            self.assertEqual(browser.attribute(".tabs button", "aria-current"), "true")
        browser.click_text(".tabs button", "More")
        browser.click_text("#others button", "Sign out")
        until("it is signed out", lambda: browser.url().startswith("/login"))

    def test_a_refused_form_says_so_and_keeps_what_was_typed(self):
        browser, before = self.admin, self.world.revision()
        self.act(browser, PAYMENTS, "disable", "kept")
        browser.run("document.querySelector('dialog input[name=csrf]').value = 'forged'")
        browser.click("dialog [data-submit]")
        browser.eventually("That did not work", "dialog .error[role=alert]")
        self.assertEqual(browser.property("dialog [name=reason]", "value"), "kept")
        self.assertEqual(self.world.revision(), before)
        browser.click("dialog [data-close]")

    def command(self, browser):
        """Carries out the command line that a form shows, as a shell reads it."""
        browser.click("dialog button[name=preview]")
        until("it is previewed", lambda: browser.has("dialog[open] #preview"))
        line = browser.run("return document.querySelector('dialog #preview pre').textContent")
        environment = {"HOME": self.world.folder, "WAYGATE_TOKEN": self.world.token, "PATH": f"{PROGRAMS}:{os.environ['PATH']}"}
        made = subprocess.run(["bash", "-c", line], env=environment, capture_output=True, text=True, timeout=30)
        self.assertEqual(made.returncode, 0, line + made.stderr)
        browser.click("dialog [data-close]")

    def test_the_command_line_is_what_the_form_is_whatever_is_typed(self):
        browser, reason = self.admin, "-x \"$(touch pwned)\" `id` it's\nעברית ünï"
        self.act(browser, PAYMENTS, "disable", reason)
        self.command(browser)
        self.assertEqual((self.status(PAYMENTS), self.world.route(PAYMENTS)["reason"]), ("disabled", reason))
        self.world.route(PAYMENTS, "enable", {})
        self.world.register(ODD, [("GET", "/q")])
        browser.go("/search?q=x%26y")
        browser.click_text("#found a", ODD)
        until("its routes are listed", lambda: browser.texts("tr.group b") == [ODD])
        browser.live()
        browser.click_text("tr.group a", "Service maintenance")
        until("the dialog is open", lambda: browser.has("dialog[open] form"))
        browser.fill("dialog [name=reason]", "odd")
        self.command(browser)
        service = f"/api/services/{ODD.replace('&', '%26').replace(' ', '%20')}/maintenance"
        self.assertTrue(self.world.call("GET", service)["enabled"])
        self.world.call("POST", f"{service}/disable", {})

    def test_38_long_names_stay_on_the_screen_and_are_not_repeated(self):
        paths = [f"/api/v2/organisations/{{organisation}}/departments/{number:03}" for number in range(100)]
        self.world.call("POST", "/api/sdk/register", {
            "app_id": "a-service-with-a-long-name", "states": [{"path": f"a-service-with-a-long-name:GET:{path}"} for path in paths],
        })
        self.world.register("long", [("GET", f"/{'x' * 900}")])
        browser = self.admin
        browser.go("/routes?service=a-service-with-a-long-name")
        page = browser.wait_for("const [done] = arguments; fetch(location).then(r => r.text()).then(done)")
        self.assertEqual(page.count("<tr data-key"), 100)
        # A name stands in its row no more often than in the row itself, its box, its link, its button and its menu.
        first = key(f"a-service-with-a-long-name:GET:{paths[0]}")
        self.assertEqual(page.count(first), 5)
        self.assertLessEqual(len(page.encode()), 210_000)
        # Parts of rows are named by others.
        names = browser.run(
            "return ['input[name=route]', '.actions > a', '.more'].map(s => document.querySelector(`tr[data-key] ${s}`)"
            ".getAttribute('aria-labelledby').split(' ').map(id => document.getElementById(id).textContent).join(' '))")
        self.assertEqual(names, [f"{word} GET{paths[0]}" for word in ("Select", "Disable…", "More for")])
        self.assertEqual(browser.run("return new Set([...document.querySelectorAll('[id]')].map(e => e.id)).size"),
                         len(browser.all("[id]")), "ids are unique")
        browser.size(320, 640)
        for address in ["/routes?service=long", "/", "/fleet"]:
            browser.go(address)
            self.assertLessEqual(browser.run("return document.documentElement.scrollWidth - innerWidth"), 0, address)
        browser.go("/routes?service=long")
        browser.go(browser.property("td.act > .actions > a", "href"))
        self.assertLessEqual(browser.run("return document.documentElement.scrollWidth - innerWidth"), 0)
        browser.size(1400, 1000)

    def test_too_many_long_names_at_once_are_refused_in_words(self):
        self.world.register("lengthy", [("GET", f"/{number:03}{'y' * 900}") for number in range(100)])
        browser, before = self.admin, self.world.revision()
        browser.go("/routes?service=lengthy")
        browser.live()
        browser.click("thead [data-pick]")
        browser.eventually("100 selected", "[data-bulk-count]")
        browser.click_text("[data-bulk-bar] button", "Disable")
        browser.eventually("These names are too long to be taken together", "dialog[open] .error[role=alert]")
        self.assertEqual(self.world.revision(), before)
        browser.click("dialog [data-close]")
        # All that fit are named by the filter instead.
        browser.click("[data-all]")
        browser.click_text("[data-bulk-bar] button", "Disable")
        browser.eventually("Disable 100 routes", "dialog[open]")
        browser.click("dialog [data-close]")

    def test_an_instance_that_bypasses_is_marked_on_the_fleet(self):
        service = self.world.service("payments-service", "bypassing-service", "bypass-1", WAYGATE_BYPASS_LIFECYCLE="true")
        try:
            self.admin.go("/fleet")
            self.admin.live()
            row = "tr[data-key='/fleet/bypassing-service/bypass-1']"
            until("it is marked", lambda: self.admin.has(row) and "Bypassing lifecycle" in self.admin.text(row), 20)
            self.assertIn("1 bypassing", self.admin.text("#summary"))
            name = "bypassing-service:GET:/api/payments"
            self.act(self.admin, name, "disable", "INC-60")
            self.confirm(self.admin)
            self.admin.eventually("bypassed by settings", "#card")
            self.assertNotEqual(service.answers("/api/payments"), 503, "and that is the truth")
        finally:
            service.stop()

    def test_g57_a_card_goes_along_until_it_is_dismissed(self):
        self.act(self.admin, PAYMENTS, "disable", "INC-61")
        self.stage.payments.pause()
        try:
            self.confirm(self.admin)
            self.admin.eventually("Waiting for payments-1", "#card")
            self.admin.go("/limits")
            self.admin.live()
            self.admin.eventually("Waiting for payments-1", "#card")
            self.admin.click("#card [data-dismiss]")
            self.admin.go("/audit")
            self.assertFalse(self.admin.has("#card"))
        finally:
            self.stage.payments.resume()
            self.world.route(PAYMENTS, "enable", {})
        self.world.settled("payments-service", 1)
