"""What is told before a change is made, and after: previews, the same for a terminal, then beside now."""

import os
import shlex
import subprocess

from stage import CATALOG, Check, sign_in
from test_truth import utc
from webdriver import until
from world import PROGRAMS, key

ORDERS = "orders-service:GET:/api/payments"


class Foresight(Check):
    def shown(self, browser):
        until("it is previewed", lambda: browser.has("dialog[open] #preview"))
        return browser.text("dialog #preview")

    def command(self, browser, at):
        """What one would copy."""
        return browser.run("return document.querySelectorAll('dialog #preview pre')[arguments[0]].textContent", at)

    def test_a_preview_changes_nothing_keeps_what_was_typed_and_its_command_line_does_it(self):
        browser, before = self.admin, self.world.revision()
        self.act(browser, ORDERS, "disable", "it's INC-51")
        browser.click("dialog button[name=preview]")
        told = self.shown(browser)
        self.assertIn("Nothing is changed yet. It would change 1 thing.", told)
        self.assertIn("base.lifecycle", told)
        self.assertEqual(browser.property("dialog [name=reason]", "value"), "it's INC-51")
        self.assertEqual((self.world.revision(), self.status(ORDERS)), (before, "active"))
        line = shlex.split(self.command(browser, 0))
        line[0] = os.path.join(PROGRAMS, line[0])
        environment = {"HOME": self.world.folder, "WAYGATE_TOKEN": self.world.token, "PATH": os.environ["PATH"]}
        made = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=30)
        self.assertEqual(made.returncode, 0, made.stderr)
        self.assertEqual((self.status(ORDERS), self.world.route(ORDERS)["reason"]), ("disabled", "it's INC-51"))
        # The form is stale by now.
        browser.click("dialog [data-submit]")
        browser.eventually("has changed", "dialog .error")
        browser.click("dialog [data-close]")
        self.world.route(ORDERS, "enable", {})

    def test_commands_of_a_row_and_the_link_of_a_change_are_copied(self):
        browser, name = self.admin, f"catalog:GET:{CATALOG[15]}"
        copied = "navigator.clipboard.readText().then(arguments[0], e => arguments[0]('' + e))"
        browser.go(f"/routes?q={CATALOG[15]}")
        browser.live()
        browser.devtools("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
        browser.click("tr[data-key] .more")
        browser.click_text("tr[data-key] [popover] button", "As commands")
        browser.eventually("Enable, as a call of curl", "dialog[open]")
        browser.click("dialog .copied [data-copy]")
        browser.eventually("Copied", "dialog[open]")
        line = browser.wait_for(copied)
        self.assertIn(f" disable catalog:GET:{CATALOG[15]} --reason REASON", line)
        done = subprocess.run(["bash", "-c", line.replace("REASON", "INC-70")], capture_output=True, text=True, timeout=30,
                              env={"HOME": self.world.folder, "WAYGATE_TOKEN": self.world.token, "PATH": f"{PROGRAMS}:{os.environ['PATH']}"})
        self.assertEqual(done.returncode, 0, line + done.stderr)
        self.assertEqual((self.status(name), self.world.route(name)["reason"]), ("disabled", "INC-70"))
        browser.click("dialog [data-close]")
        change = self.world.revision(name)
        browser.go(f"/changes/{change}")
        browser.click_text(".link button", "Copy link")
        browser.eventually("Copied", ".link")
        self.assertEqual(browser.wait_for(copied), f"{self.world.base}/changes/{change}")
        self.world.route(name, "enable", {})

    def test_a_call_is_copied_and_does_it(self):
        browser, name = self.admin, f"catalog:GET:{CATALOG[13]}"
        self.act(browser, name, "maintenance", "INC-52")
        browser.click("dialog button[name=preview]")
        self.shown(browser)
        browser.run("document.querySelectorAll('dialog #preview details').forEach(fold => { fold.open = true; })")
        browser.devtools("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
        browser.click("dialog #preview details:last-of-type [data-copy]")
        browser.eventually("Copied", "dialog #preview details:last-of-type")
        copied = browser.wait_for("navigator.clipboard.readText().then(arguments[0], e => arguments[0]('' + e))")
        self.assertEqual(copied, self.command(browser, 1))
        made = subprocess.run(["sh", "-c", copied], env={"WAYGATE_TOKEN": self.world.token, "PATH": os.environ["PATH"]},
                              capture_output=True, text=True, timeout=30)
        self.assertEqual(made.returncode, 0, made.stderr)
        self.assertEqual(self.status(name), "maintenance", made.stdout)
        browser.click("dialog [data-close]")
        self.world.route(name, "enable", {})

    def test_a_limit_is_previewed_with_what_was_counted_and_then_saved(self):
        browser, name = self.admin, "orders-service:GET:/api/orders"
        service = self.stage.orders[2]
        browser.go(f"/limits/routes/{key(name)}")
        browser.live()
        for _ in range(12):
            service.answers("/api/orders")
        browser.click_text("#head a.button", "Set a limit")
        until("the dialog is open", lambda: browser.has("dialog[open] [name=limit]"))
        browser.fill("dialog [name=limit]", "3/second")

        def measured():
            browser.click("dialog button[name=preview]")
            until("it is answered", lambda: browser.has("dialog #preview") and not browser.has("dialog button[disabled]"))
            return "all callers together" in browser.text("dialog #preview")

        until("what was counted is told", measured, 20)
        told = browser.text("dialog #preview")
        self.assertIn("It would be: 3/second per client address.", told)
        self.assertEqual(browser.property("dialog [name=limit]", "value"), "3/second")
        self.confirm(browser)
        browser.eventually("3/second", "#head")
        self.world.call("DELETE", f"/api/rate-limits/{key(name)}")

    def test_31_previews_work_without_script(self):
        plain, name = self.plain, f"catalog:GET:{CATALOG[14]}"
        before = self.world.revision()
        plain.go(f"/routes/{key(name)}/disable")
        plain.type("[name=reason]", "plainly")
        plain.click("button[name=preview]")
        until("it is previewed", lambda: plain.has("#preview"))
        self.assertIn("--reason plainly", plain.property("#preview pre", "textContent"))
        self.assertEqual(self.world.revision(), before)
        plain.click("[data-submit]")
        until("it is stored", lambda: "done=" in plain.url())
        self.assertEqual(self.status(name), "disabled")
        self.world.route(name, "enable", {})

    def test_a_change_is_shown_beside_now(self):
        name = f"catalog:GET:{CATALOG[15]}"
        self.world.route(name, "disable", {"reason": "first words"})
        revision = self.world.revision()
        self.world.route(name, "maintenance", {"reason": "later words"})
        self.admin.go(f"/audit?route={name}")
        self.admin.click(".panel details:last-of-type summary")
        self.admin.click_text("details[open] a", "Compare with now")
        until("it is a change", lambda: self.admin.url().startswith("/changes/"))
        self.admin.go(f"/changes/{revision}")
        table = self.admin.text("table.diff")
        for words in ("Now", "first words", "later words"):
            self.assertIn(words, table)
        self.world.route(name, "enable", {})

    def test_16_the_latest_changes_by_instance_follow_and_name_who_waits(self):
        paused = self.stage.orders[1]
        self.admin.go("/fleet/revisions")
        self.admin.live()
        row = "tr[data-key='/fleet/orders-service/orders-2']"
        paused.pause()
        try:
            self.world.route(ORDERS, "disable", {"reason": "INC-61"})
            self.admin.eventually("not yet", row)
            self.admin.eventually(" ms", "tr[data-key='/fleet/orders-service/orders-1'] td")
            self.assertEqual(self.admin.text(f"thead th:nth-child(2)"), f"r{self.world.revision()}")
        finally:
            paused.resume()
        until("it is applied", lambda: "not yet" not in self.admin.text(row), 20)
        self.world.route(ORDERS, "enable", {})

    def test_an_instance_tells_its_connections(self):
        page = "/fleet/orders-service/orders-6"
        extra = self.world.service("orders-service", "orders-service", "orders-6")
        self.world.settled("orders-service", 4)
        extra.kill()
        extra = self.world.service("orders-service", "orders-service", "orders-6")
        try:
            self.admin.go(page)
            self.admin.live()
            self.admin.eventually("the instance was started anew", "#stays-panel")
            self.assertEqual(self.admin.text("#stays-panel tbody").count("open"), 1)
        finally:
            extra.stop()
        self.admin.eventually("Left", "#head")
        until("no connection is open", lambda: "open" not in self.admin.text("#stays-panel tbody"))
        self.admin.click_text("#head a.button", "Forget")
        until("the dialog is open", lambda: self.admin.has("dialog[open] form") and self.admin.text("dialog"))
        self.admin.click("dialog [data-submit]")
        until("it leads to the fleet", lambda: self.admin.url() == "/fleet")

    def test_an_instance_is_told_everything_anew_and_answers(self):
        self.admin.go("/fleet/orders-service/orders-1")
        self.admin.live()
        heard = lambda: next(one["last_heard"] for one in self.world.instances("orders-service") if one["id"] == "orders-1")
        before = heard()
        self.admin.click_text("#head a.button", "Tell it anew")
        until("the dialog is open", lambda: self.admin.has("dialog[open] form") and self.admin.text("dialog"))
        self.admin.click("dialog [data-submit]")
        self.admin.eventually("told everything anew", "#stays-panel")
        until("it has answered", lambda: heard() != before, 20)
        self.world.settled("orders-service", 3)
        reference = self.world.instances("reference-service")[0]["id"]
        self.admin.go(f"/fleet/reference-service/{reference}")
        self.assertNotIn("Tell it anew", self.admin.text("#head"))

    def test_04_a_window_has_a_page_that_stays_when_it_is_over(self):
        name = f"catalog:GET:{CATALOG[16]}"
        self.world.route(name, "schedule", {"start": f"{utc(hours=3)}:00Z", "end": f"{utc(hours=4)}:00Z", "reason": "shelf move"})
        self.admin.go("/schedule?service=catalog")
        self.admin.live()
        self.admin.click_text("#list a", "begins in")
        until("it is the page of the window", lambda: self.admin.url().startswith(f"/schedule/{key(name)}/"))
        page = self.admin.url()
        self.admin.live()
        self.assertIn("shelf move", self.admin.text("#facts"))
        self.admin.click_text("#head a.button", "Cancel")
        until("the dialog is open", lambda: self.admin.has("dialog[open] form") and self.admin.text("dialog"))
        self.confirm(self.admin)
        self.admin.eventually("cancelled", "#head")
        self.assertEqual(self.admin.url().split("?")[0], page)
        self.assertIn("took back what was planned", self.admin.text("#history-panel"))

    def test_the_overview_draws_a_day_back_and_ahead(self):
        name = f"catalog:GET:{CATALOG[18]}"
        self.world.route(name, "schedule", {"start": f"{utc(hours=5)}:00Z", "end": f"{utc(hours=9)}:00Z", "reason": "night shift"})
        revision = self.world.revision()
        self.admin.go("/")
        self.admin.live()
        self.assertTrue(self.admin.has(f"#day-panel a[href$='/changes/{revision}']"))
        ahead = self.admin.run("const svg = document.querySelector('#day-panel svg.timeline'); const now = svg.querySelector('.now-line').getBBox().x;"
                               "return [...svg.querySelectorAll('.bar.upcoming')].every(bar => bar.getBBox().x > now)")
        self.assertTrue(ahead)
        self.admin.click("#day-panel summary")
        self.assertIn(name, self.admin.text("#day-panel"))
        self.world.call("DELETE", f"/api/routes/{key(name)}/schedule")

    def test_the_password_can_be_looked_at_before_it_is_sent(self):
        browser = self.stage.browser(None)
        browser.go("/login")
        browser.type("#password", "secret")
        self.assertEqual(browser.property("#password", "type"), "password")
        browser.click("[data-reveal]")
        until("it is shown", lambda: browser.property("#password", "type") == "text")
        browser.click("[data-reveal]")
        until("it is hidden", lambda: browser.property("#password", "type") == "password")
        self.assertEqual([entry["message"] for entry in browser.log()], [])
        sign_in(browser)

    def test_nothing_jumps_when_live_updates_arrive(self):
        browser, name = self.admin, f"catalog:GET:{CATALOG[27]}"
        for page, seen in (("/routes?service=catalog", "#list"), ("/", "#unusual-panel"), ("/fleet", "#summary")):
            browser.go(page)
            browser.live()
            # Whatever still settles of the load is over once a picture was painted twice.
            browser.wait_for("requestAnimationFrame(() => requestAnimationFrame(() => arguments[0]()))")
            browser.run(
                "window.jumped = []; new PerformanceObserver(list => { for (const e of list.getEntries()) window.jumped.push("
                "[e.value, e.sources.map(s => (s.node && (s.node.id || s.node.className || s.node.nodeName)) || '?')]); })"
                ".observe({type: 'layout-shift', buffered: false});"
            )
            for number in range(3):
                before = browser.attribute("body", "data-revision")
                self.world.route(name, "disable" if number % 2 == 0 else "enable", {"reason": f"jump {number}"})
                self.stage.orders[0].answers("/api/orders")
                until("the page has followed", lambda: browser.attribute("body", "data-revision") != before)
            self.assertTrue(browser.has(seen))
            browser.wait_for("requestAnimationFrame(() => requestAnimationFrame(() => arguments[0]()))")
            jumped = browser.run("return window.jumped")
            self.assertLess(sum(value for value, _ in jumped), 0.02, (page, jumped))
            self.world.route(name, "enable", {})
