"""What operators do all day: many routes at once, limits, windows, the log, and all of it by keyboard."""

import datetime

from stage import Check
from webdriver import Keys, until
from world import key


def utc(**ahead):
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**ahead)
    return moment.strftime("%Y-%m-%dT%H:%M")


class Operate(Check):
    def dialog(self, browser, text=""):
        until("the dialog is open", lambda: browser.has("dialog[open] form") and text in browser.text("dialog"))

    def broad(self):
        """A service of more routes than a page has."""
        self.world.call("POST", "/api/sdk/register", {
            "app_id": "broad", "states": [{"path": f"broad:GET:/broad/{number:03}"} for number in range(130)],
        })

    # Many routes at once.

    def test_all_that_fit_on_all_pages_are_one_change(self):
        self.broad()
        self.admin.go("/routes?service=broad")
        self.admin.live()
        self.assertEqual(len(self.admin.all("tr[data-key]")), 100)
        self.admin.click("tr[data-key] input[name=route]")
        self.assertIn("1 selected", self.admin.text("[data-bulk-bar]"))
        self.admin.click("[data-all]")
        self.assertIn("130 selected", self.admin.text("[data-bulk-bar]"))
        self.admin.click("[data-bulk-bar] button[value=disable]")
        self.dialog(self.admin, "Disable 130 routes")
        self.assertIn("0 instances", self.admin.text("dialog"))
        self.admin.fill("dialog [name=reason]", "all of it")
        self.confirm(self.admin)
        self.assertEqual(self.status("broad:GET:/broad/129"), "disabled")
        change = f"/changes/{self.world.revision()}"
        self.admin.go(change)
        self.assertEqual(self.admin.text("main").count("disabled GET /broad/"), 131, "the title, and every route")
        self.admin.go(f"{change}/undo")
        self.admin.click("[data-submit]")
        until("it is taken back", lambda: "done=" in self.admin.url())
        self.assertEqual(self.status("broad:GET:/broad/129"), "active")

    def test_g31_what_fits_is_not_changed_when_it_is_not_what_was_shown(self):
        self.broad()
        self.admin.go("/routes?service=broad&q=/broad/01")
        self.admin.live()
        self.admin.click("tr[data-key] input[name=route]")
        self.admin.click("[data-all]")
        self.admin.click("[data-bulk-bar] button[value=maintenance]")
        self.dialog(self.admin, "10 routes")
        self.world.route("broad:GET:/broad/011", "disable", {"reason": "meanwhile"})
        self.admin.fill("dialog [name=reason]", "mine")
        self.admin.click("dialog [data-submit]")
        self.admin.eventually("has changed since", "dialog .error")
        self.assertEqual(self.admin.property("dialog [name=reason]", "value"), "mine")
        self.assertEqual(self.status("broad:GET:/broad/012"), "active")
        self.admin.click_text("dialog [data-close]", "Keep theirs")
        until("the dialog is closed", lambda: not self.admin.has("dialog[open]"))
        self.world.route("broad:GET:/broad/011", "enable", {})

    def test_a_page_and_a_service_are_selected_by_one_box_and_cleared_by_escape(self):
        self.admin.go("/routes?q=/api/")
        self.admin.live()
        rows = len(self.admin.all("tr[data-key] input[name=route]"))
        self.admin.click("thead [data-pick]")
        self.assertIn(f"{rows} selected", self.admin.text("[data-bulk-bar]"))
        self.admin.press(Keys.ESCAPE)
        until("nothing is selected", lambda: not self.admin.has("tr[data-key] input:checked"))
        self.admin.click("tr.group [data-pick]")
        mine = self.admin.run("const b = document.querySelector('tr.group').closest('tbody');"
                              "return [b.querySelectorAll('input[name=route]').length, document.querySelectorAll('input[name=route]:checked').length]")
        self.assertEqual(mine[0], mine[1])

    def test_the_list_is_sorted_by_its_headings_and_keeps_the_filter(self):
        self.world.route("catalog:GET:/api/catalog/25", "disable", {"reason": "latest"})
        self.admin.go("/routes?service=catalog")
        self.admin.live()
        self.admin.click_text("thead th a", "Changed")
        until("the address says so", lambda: "sort=-changed" in self.admin.url())
        self.assertIn("/api/catalog/25", self.admin.text("tr[data-key]"))
        self.assertEqual(self.admin.attribute("th[aria-sort]", "aria-sort"), "descending")
        self.admin.live()
        self.admin.type("#text", "/api/catalog/2")
        until("the list is filtered", lambda: "q=" in self.admin.url() and len(self.admin.all("tr[data-key]")) == 10)
        self.assertIn("sort=-changed", self.admin.url())
        self.assertIn("service=catalog", self.admin.url())
        self.world.route("catalog:GET:/api/catalog/25", "enable", {})

    def test_35_rows_are_one_stop_and_arrows_go_on(self):
        self.admin.go("/routes?q=/api/catalog/1")
        self.admin.live()
        stops = self.admin.run(
            "return [...document.querySelectorAll('table[data-rows] tbody tr[data-key]')].filter(row =>"
            "[...row.querySelectorAll('a, button, input')].some(e => !e.closest('[popover]') && e.tabIndex === 0)).length"
        )
        self.assertEqual(stops, 1)
        rows = self.admin.run("return [...document.querySelectorAll('tr[data-key]')].map(r => r.dataset.key)")
        self.admin.press("j", Keys.DOWN, Keys.DOWN)
        self.assertEqual(self.admin.focused()[2], rows[2])
        self.admin.press("J", "J")
        self.assertEqual(self.admin.focused()[2], rows[4])
        self.assertIn("3 selected", self.admin.text("[data-bulk-bar]"))
        self.admin.press(Keys.ESCAPE, "l")
        self.dialog(self.admin, "Rate limit of")
        self.admin.press(Keys.ESCAPE)

    def test_35_u_takes_back_the_last_change(self):
        name = "catalog:GET:/api/catalog/26"
        self.act(self.admin, name, "disable", "by mistake")
        self.confirm(self.admin)
        self.becomes(name, "disabled")
        self.admin.eventually("stored", "#card")
        self.admin.press("u")
        self.dialog(self.admin, "Take back")
        self.confirm(self.admin)
        self.becomes(name, "active")

    def test_a_reason_of_late_is_one_click(self):
        name = "catalog:GET:/api/catalog/27"
        self.world.route(name, "disable", {"reason": "INC-4711 stuck queue"})
        self.act(self.admin, name, "maintenance")
        self.admin.click_text("dialog [data-reason]", "INC-4711")
        self.assertEqual(self.admin.property("dialog [name=reason]", "value"), "INC-4711 stuck queue")
        self.admin.press(Keys.ESCAPE)
        self.world.route(name, "enable", {})

    # Limits.

    def test_a_limit_has_a_page_where_it_is_paused_edited_and_taken_back(self):
        name = "orders-service:GET:/api/orders/{id}"
        page = f"/limits/routes/{key(name)}"
        self.admin.go(f"{page}/edit")
        self.admin.fill("[name=limit]", "100/minute")
        self.admin.click("[data-submit]")
        until("it is stored", lambda: "done=" in self.admin.url())
        self.admin.go(f"/limits?service=orders-service&q=/api/orders/%7Bid%7D")
        self.admin.click("#list tr[data-key] a.route")
        until(f"it is the page of the limit {page}: {self.admin.url()}", lambda: self.admin.url() == page)
        self.admin.live()
        for act, word in [("Pause", "paused"), ("Resume", "on")]:
            self.admin.click_text("#head a.button", act)
            self.dialog(self.admin, act)
            self.confirm(self.admin)
            self.admin.eventually(word, "#head .tag")
        self.admin.click_text("#head a.button", "Edit")
        self.dialog(self.admin, "Rate limit of")
        self.admin.set("dialog [name=share]", "divided")
        self.admin.set("dialog [name=algorithm]", "token_bucket")
        self.confirm(self.admin)
        self.admin.eventually("Divided among the instances", "#facts")
        self.assertIn("Token bucket", self.admin.text("#facts"))
        until("the instances hold parts", lambda: (self.admin.reload(), "orders-1" in self.admin.text("main"))[1], 20)
        self.admin.click_text("#history-panel a.button", "Undo")
        self.dialog(self.admin, "Take back")
        self.confirm(self.admin)
        self.admin.eventually("Each instance admits the whole limit", "#facts")
        self.admin.run("scrollTo(0, 0)")
        self.admin.click_text("#head a.button", "Remove")
        self.dialog(self.admin, "Remove the rate limit")
        self.confirm(self.admin)
        self.admin.eventually("There is none.", "#head")

    def test_the_page_of_a_limit_names_who_cannot_enforce_it(self):
        name = "reference-service:GET:/api/payments"
        self.admin.go(f"/limits/routes/{key(name)}/edit")
        self.admin.fill("[name=limit]", "100/minute")
        self.admin.set("[name=algorithm]", "token_bucket")
        self.admin.click("[data-submit]")
        until("it is stored", lambda: "done=" in self.admin.url())
        self.admin.go(f"/limits/routes/{key(name)}")
        self.assertIn("1 of 1 connected instances of reference-service has no `token_bucket`", self.admin.text("#unable"))
        self.admin.go(f"/limits/routes/{key(name)}/remove")
        self.admin.click("[data-submit]")
        until("it is gone", lambda: "done=" in self.admin.url())

    def test_31_a_limit_is_edited_without_script(self):
        plain, name = self.plain, "catalog:GET:/api/catalog/28"
        for limit in ("5/minute", "6/minute"):
            plain.go(f"/limits/routes/{key(name)}/edit")
            plain.fill("[name=limit]", limit)
            plain.click("[data-submit]")
            until("it leads back", lambda: "done=" in plain.url())
        plain.go(f"/limits/routes/{key(name)}")
        self.assertIn("6/minute", plain.text("#head"))

    # Schedule.

    def test_04_windows_are_planned_for_several_routes_drawn_and_asked_about(self):
        names = ["catalog:GET:/api/catalog/29", "catalog:GET:/api/catalog/30"]
        self.admin.go("/schedule")
        self.admin.live()
        for reason in ("first", "second"):
            self.admin.click_text("main .head a.button", "New window")
            self.dialog(self.admin, "Plan maintenance")
            self.admin.fill("dialog [name=routes]", "\n".join(names))
            self.admin.set("dialog [name=start]", utc(days=1))
            self.admin.eventually("For you:", "dialog")
            self.admin.fill("dialog [name=reason]", reason)
            if reason == "second":
                self.admin.click("dialog [data-submit]")
                self.admin.eventually("this overlaps what is planned", "dialog .error")
                self.assertEqual(self.admin.property("dialog [name=reason]", "value"), "second")
                self.admin.click("dialog [name=overlap]")
            self.confirm(self.admin)
            self.admin.eventually(reason, "#list")
        self.assertEqual(self.admin.text("#list").count("overlaps another"), 4)
        until("it is drawn", lambda: len(self.admin.all("svg.timeline .bar.upcoming")) == 4)
        self.admin.click_text("nav.segments a", "Month")
        until("the month is shown", lambda: "view=month" in self.admin.url() and self.admin.has("table.month"))
        self.assertIn("/api/catalog/29", self.admin.text("table.month"))
        self.assertEqual([self.status(name) for name in names], ["active", "active"])
        for name in names:
            self.world.call("DELETE", f"/api/routes/{key(name)}/schedule")
        self.admin.go("/schedule")
        self.admin.click("#past summary")
        self.assertGreaterEqual(self.admin.text("#past").count("cancelled"), 4)

    def test_times_are_those_of_the_browser_or_utc_as_one_likes(self):
        browser = self.stage.browser("vera")
        browser.devtools("Emulation.setTimezoneOverride", timezoneId="Asia/Tokyo")
        browser.go(f"/changes/{self.world.revision()}")
        browser.live()
        self.assertRegex(browser.text("main time"), r"GMT\+9|JST")
        browser.go("/settings")
        browser.click("input[name=zone][value=utc]")
        browser.click_text("main button.primary", "Save")
        until("it is saved", lambda: browser.has("body[data-zone=UTC]"))
        browser.go(f"/changes/{self.world.revision()}")
        browser.live()
        self.assertRegex(browser.text("main time"), "UTC")

    # The log, and what there is to find.

    def test_21_the_log_is_exported_and_each_entry_has_an_address(self):
        name = "catalog:GET:/api/catalog/24"
        for reason in ("export me, please", "and \"me\""):
            self.world.route(name, "disable", {"reason": reason})
        self.world.route(name, "enable", {})
        self.admin.go(f"/audit?route={name}&action=disable&platform=cli&from={utc()[:10]}")
        entries = self.admin.all(".entry")
        self.assertGreaterEqual(len(entries), 2)
        links = self.admin.run("return [...document.querySelectorAll('a[download]')].map(a => a.href)")
        for link, lines in zip(links, (len(entries) + 1, len(entries))):
            text = self.admin.wait_for("fetch(arguments[0]).then(r => r.text()).then(arguments[1])", link)
            self.assertEqual(len(text.strip().splitlines()), lines, text)
            self.assertIn("export me, please", text)
        self.admin.click("details.pad summary")
        self.assertIn("base.reason", self.admin.text("details[open]"))
        self.admin.click(".entry a[href^='/changes/']")
        until("it is the page of the change", lambda: self.admin.url().startswith("/changes/"))

    def test_21_paging_keeps_the_filter(self):
        name = "catalog:GET:/api/catalog/24"
        for number in range(30):
            self.world.route(name, "disable", {"reason": f"page {number}"})
            self.world.route(name, "enable", {"reason": f"page {number}"})
        self.admin.go(f"/audit?service=catalog&q=page")
        first = self.admin.texts(".entry a[href^='/changes/']")
        self.admin.click("a[rel=next]")
        until("it is the next page", lambda: "before=" in self.admin.url())
        for kept in ("service=catalog", "q=page"):
            self.assertIn(kept, self.admin.url())
        second = self.admin.texts(".entry a[href^='/changes/']")
        self.assertEqual((len(set(first + second)), len(first) + len(second)), (60, 60), "each is on one page")
        self.admin.reload()
        self.assertEqual(self.admin.texts(".entry a[href^='/changes/']"), second)

    def test_35_the_palette_finds_instances_changes_and_pages(self):
        self.admin.go("/audit")
        self.admin.live()
        for text, words, address in [("orders-2", "orders-2 of orders-service", "/fleet/orders-service/orders-2"),
                                     ("schedule", "Schedule", "/schedule")]:
            self.admin.press("k", holding=[Keys.CONTROL])
            until("the palette is open", lambda: self.admin.has("dialog[open] #palette"))
            self.admin.type("#palette", text)
            until("it is found", lambda: words in self.admin.texts("#palette-found a"))
            at = self.admin.texts("#palette-found a").index(words)
            self.admin.press(*[Keys.DOWN] * at, Keys.ENTER)
            until("it leads there", lambda: self.admin.url() == address)
            self.admin.live()
        self.admin.press("k", holding=[Keys.CONTROL])
        self.admin.type("#palette", "nothing-is-called-so")
        self.admin.eventually("Nothing fits", "#palette-found")
        self.admin.press(Keys.ESCAPE)
        self.assertFalse(self.admin.has("dialog[open]"))
        self.admin.press("g", "r")
        until("g r leads to the routes", lambda: self.admin.url() == "/routes")

    def test_titles_name_their_pages(self):
        titles = []
        for page in ["/", "/routes", "/routes?status=disabled", "/fleet", "/traffic", "/limits", "/limits/global/all", "/schedule",
                     "/audit", "/settings", "/settings/about", f"/routes/{key('orders-service:GET:/api/orders')}"]:
            self.admin.go(page)
            titles.append(self.admin.do("GET", "/title"))
        self.assertEqual(len(set(titles)), len(titles), titles)
        self.assertRegex(titles[2], r"Disabled \(\d+\), Routes, Waygate")

    # When something comes between.

    def test_08_g31_a_stale_page_shows_both_without_script(self):
        name = "catalog:GET:/api/catalog/23"
        self.plain.go(f"/routes/{key(name)}/disable")
        self.world.route(name, "maintenance", {"reason": "their words"})
        self.plain.type("[name=reason]", "my words")
        self.plain.click("[data-submit]")
        until("it is refused", lambda: self.plain.has("p.error"))
        text = self.plain.text("main")
        for words in ("their words", "Apply mine on top", "Keep theirs"):
            self.assertIn(words, text)
        self.assertEqual(self.plain.property("[name=reason]", "value"), "my words")
        self.assertEqual(self.status(name), "maintenance")
        self.plain.click("[data-submit]")
        until("it is stored", lambda: "done=" in self.plain.url())
        self.assertEqual(self.status(name), "disabled")
        self.world.route(name, "enable", {})

    def test_29_an_ended_session_leads_back_to_the_form_without_script(self):
        browser = self.stage.browser("vera", script=False)
        form = f"/routes/{key('catalog:GET:/api/catalog/22')}/disable"
        browser.go(form)
        for token in self.world.call("GET", "/api/tokens?holder=vera"):
            self.world.call("DELETE", f"/api/tokens/{token['id']}")
        browser.type("[name=reason]", "too late")
        browser.click("[data-submit]")
        until("it leads to the sign-in", lambda: browser.url().startswith("/login?next="))
        browser.fill("#username", "vera")
        browser.type("#password", "looks")
        browser.click("main form button.primary")
        until("it leads back to the form", lambda: browser.url() == form)
        self.assertEqual(self.status("catalog:GET:/api/catalog/22"), "active")
