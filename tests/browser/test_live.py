"""Open pages follow, and say so when they cannot."""

from stage import CATALOG, Check
from webdriver import Keys, until
from world import key


class Live(Check):
    def test_26_g59_a_server_that_is_gone_is_told_and_comes_back(self):
        self.admin.go(f"/routes?q={CATALOG[11]}")
        self.admin.live()
        self.world.server.kill()
        try:
            until("the page leaves live", lambda: self.admin.attribute("#live", "data-live") != "on", 40)
            self.assertNotIn("Live,", self.admin.text("#live"))
            self.admin.click("tr[data-key] td.act > .actions > a")
            self.admin.eventually("cannot be reached", "dialog[open]")
            self.admin.click("dialog [data-close]")
        finally:
            self.world.server.log.close()
            self.world.serve()
        until("the page is live again", lambda: self.admin.attribute("#live", "data-live") == "on", 20)
        self.world.route(f"catalog:GET:{CATALOG[11]}", "disable", {"reason": "after the restart"})
        self.admin.eventually("after the restart", "#list")
        self.world.settled("orders-service", 3)
        self.world.settled("payments-service", 1)
        self.world.settled("reference-service", 1)

    def test_26_g59_text_in_an_open_form_survives_an_outage(self):
        name = f"catalog:GET:{CATALOG[12]}"
        self.act(self.admin, name, "disable", "typed before the outage")
        self.world.server.kill()
        try:
            self.admin.click("dialog [data-submit]")
            self.admin.eventually("Whether it was changed is not known", "dialog[open]")
            self.assertEqual(self.admin.property("dialog [name=reason]", "value"), "typed before the outage")
        finally:
            self.world.server.log.close()
            self.world.serve()
        self.confirm(self.admin)
        self.becomes(name, "disabled")
        self.world.settled("orders-service", 3)
        self.world.settled("reference-service", 1)

    def test_27_ten_tabs_load_follow_and_act(self):
        browser = self.stage.browser("admin")
        tabs = [browser.tab()]
        browser.go("/routes?q=/api/catalog/14")
        for _ in range(9):
            tabs.append(browser.open_tab())
            browser.go("/routes?q=/api/catalog/14")
        self.world.route("catalog:GET:/api/catalog/14", "disable", {"reason": "seen by ten"})
        for tab in tabs:
            browser.to(tab)
            browser.eventually("seen by ten", "#list")
            self.assertEqual(browser.attribute("#live", "data-live"), "on")
            browser.click("tr[data-key] td.act > .actions > a")
            until("the dialog is open", lambda: browser.has("dialog[open] form") and browser.text("dialog"))
            browser.press(Keys.ESCAPE)
            until("focus is back in the row", lambda: browser.focused()[2])
            browser.run("document.activeElement.blur()")
        # The leader goes; another takes over.
        browser.to(tabs[0])
        browser.do("DELETE", "/window")
        self.world.route("catalog:GET:/api/catalog/14", "enable", {"reason": "seen by nine"})
        for tab in tabs[1:3]:
            browser.to(tab)
            browser.eventually("Active", "tr[data-key]")

    def test_28_what_somebody_is_at_is_not_replaced(self):
        name = "catalog:GET:/api/catalog/15"
        self.admin.go("/routes?q=/api/catalog/1")
        self.admin.live()
        row = f"tr[data-key='{key(name)}']"
        self.admin.run("document.querySelector(arguments[0] + ' a.route').focus()", row)
        self.world.route(name, "disable", {"reason": "while focused"})
        until("the row is marked", lambda: "marked" in (self.admin.attribute(row, "class") or ""))
        self.assertEqual(self.admin.focused()[2], key(name))
        self.assertIn("Active", self.admin.text(row))
        self.admin.run("document.querySelector('#text').focus()")
        self.admin.eventually("while focused", row)
        self.admin.click(f"{row} input[name=route]")
        self.admin.run("document.activeElement.blur()")
        self.world.route(name, "enable", {})
        other = "catalog:GET:/api/catalog/16"
        self.world.route(other, "disable", {"reason": "the row beside"})
        self.admin.eventually("the row beside", f"tr[data-key='{key(other)}']")
        self.assertTrue(self.admin.property(f"{row} input[name=route]", "checked"))
        self.admin.fill("#text", "/api/catalog/16")
        self.world.route(other, "enable", {"reason": "x"})
        self.admin.eventually("Active", f"tr[data-key='{key(other)}']")
        self.assertEqual(self.admin.property("#text", "value"), "/api/catalog/16")
        self.assertEqual(self.admin.focused()[1], "text")

    def end_sessions(self, browser):
        me = browser.run("return document.querySelector('input[name=csrf]').value")
        self.assertTrue(me)
        for token in self.world.call("GET", "/api/tokens?holder=vera"):
            self.world.call("DELETE", f"/api/tokens/{token['id']}")

    def test_29_g59_an_ended_session_asks_to_sign_in_and_goes_on_with_what_was_typed(self):
        browser, name = self.stage.browser("vera"), f"catalog:GET:{CATALOG[16]}"
        self.act(browser, name, "disable", "typed before the end")
        self.end_sessions(browser)
        # The page may have noticed by itself already, and so the sign-in lie over the form.
        browser.run("document.querySelector('dialog [data-submit]').click()")
        until("the sign-in is asked for", lambda: browser.has("dialog[open] input[name=password]"))
        browser.fill("dialog input[name=username]", "vera")
        browser.type("dialog input[name=password]", "looks")
        browser.click("dialog[aria-label='Sign in'] button.primary")
        self.becomes(name, "disabled")
        self.assertEqual(self.world.route(name)["reason"], "typed before the end")

    def test_29_g59_an_open_page_says_that_its_session_has_ended(self):
        browser = self.stage.browser("vera")
        browser.go("/routes")
        browser.live()
        self.end_sessions(browser)
        browser.eventually("session has ended", patience=20)

    def test_29_a_shared_link_leads_back_after_signing_in(self):
        browser = self.stage.browser(None)
        link = f"/routes/{key('catalog:GET:' + CATALOG[0])}"
        browser.go(link)
        self.assertTrue(browser.url().startswith("/login?next="))
        browser.type("#username", "admin")
        browser.type("#password", "wrong")
        browser.click("main form button.primary")
        until("it is refused", lambda: browser.has("#wrong"))
        self.assertEqual(browser.property("#username", "value"), "admin", "the name is kept")
        browser.type("#password", "secret")
        browser.click("main form button.primary")
        until("it leads back", lambda: browser.url() == link)

    def test_g44_the_session_is_out_of_reach_of_scripts_and_of_the_page(self):
        self.admin.go("/settings")
        self.assertNotIn("waygate_session", self.admin.run("return document.cookie"))
        cookies = {cookie["name"]: cookie for cookie in self.admin.do("GET", "/cookie")}
        session = cookies["waygate_session"]
        self.assertTrue(session["httpOnly"])
        self.assertEqual(session["sameSite"], "Lax")
        self.assertNotIn(session["value"], self.admin.source())

    def test_g56_nothing_there_and_nothing_found_are_different_words(self):
        self.admin.go("/routes?q=nothing-is-called-so")
        self.assertIn("No route fits", self.admin.text("#list"))
        self.admin.go("/audit?actor=nobody")
        self.assertIn("Nothing fits", self.admin.text("#list"))

    def test_settings_list_sessions_and_end_them(self):
        browser = self.stage.browser("vera")
        second = self.stage.browser("vera")
        browser.go("/settings/sessions")
        text = browser.text("#list")
        self.assertIn("this one", text)
        browser.click_text("#list button", "Sign all others out")
        until("the other is out", lambda: (second.go("/routes"), second.url().startswith("/login"))[1])
        browser.go("/routes")
        self.assertEqual(browser.text("h1"), "Routes")

    def test_settings_make_and_end_a_token(self):
        self.admin.go("/settings/tokens")
        self.admin.fill("#service", "orders-service")
        self.admin.click_text("#new button", "Make")
        until("it is shown", lambda: self.admin.has("#made pre"))
        token = self.admin.text("#made pre")
        self.assertTrue(self.world.call("GET", "/api/auth/me", token=token)["username"])
        self.assertIn("orders-service", self.admin.text("#list"))
        self.admin.go("/settings/tokens")
        self.assertNotIn(token, self.admin.source(), "it is shown once")
        before = len(self.admin.all("#list tbody tr"))
        self.admin.click("#list tbody tr button")
        until("it is gone", lambda: len(self.admin.all("#list tbody tr")) == before - 1)
        with self.assertRaises(AssertionError):
            self.world.call("GET", "/api/auth/me", token=token)

    def test_new_entries_of_the_log_wait_behind_a_button(self):
        browser, name = self.other, f"catalog:GET:{CATALOG[14]}"
        self.world.route(name, "disable", {"reason": "what is read"})
        browser.go("/audit?service=catalog")
        browser.live()
        first = "#list .logged:first-child"
        browser.click(f"{first} summary")
        place = browser.run(f"return document.querySelector('{first}').getBoundingClientRect().top")
        for number, words in ((1, "1 new entry"), (2, "2 new entries")):
            self.world.route(name, "disable", {"reason": f"news {number}"})
            browser.eventually(words, "[data-behind]")
        self.assertIn("what is read", browser.text(first))
        self.assertEqual(browser.run(f"return document.querySelector('{first}').getBoundingClientRect().top"), place)
        self.assertTrue(browser.property(f"{first} details", "open"), "what was unfolded stays so")
        browser.click("[data-behind]")
        browser.eventually("news 2", first)
        self.assertFalse(browser.run("return document.querySelector('[data-behind]').checkVisibility()"))
        until("focus is in the list", lambda: browser.run("return document.activeElement.closest('#list') !== null"))
        # What is asked for anew is shown at once.
        self.world.route(name, "enable", {"reason": "news 3"})
        browser.eventually("1 new entry", "[data-behind]")
        browser.fill("#q", "what is read")
        until("the filter is followed", lambda: len(browser.all("#list .logged")) == 1)
        self.assertIn("what is read", browser.text(first))
        self.assertFalse(browser.run("return document.querySelector('[data-behind]').checkVisibility()"))

    def test_a_filter_acts_also_while_rows_are_selected(self):
        self.admin.go("/routes?service=catalog")
        self.admin.live()
        self.admin.click("tr[data-key] input[name=route]")
        self.admin.eventually("1 selected", "[data-bulk-count]")
        self.admin.fill("#text", CATALOG[16])
        until("the filter is followed", lambda: len(self.admin.all("tr[data-key]")) == 1)
        self.assertIn(CATALOG[16], self.admin.text("tr[data-key]"))
