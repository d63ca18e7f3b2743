"""What pages say is so, and what they do is what was asked for."""

import datetime
import urllib.parse

from stage import CATALOG, Check
from webdriver import until
from world import key


def utc(**ahead):
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**ahead)
    return moment.strftime("%Y-%m-%dT%H:%M")


class Truth(Check):
    def counts(self, browser):
        return {text.rsplit("\n", 1)[0].strip(): int(text.rsplit("\n", 1)[1]) for text in browser.texts("#segments a")}

    def test_01_g60_counts_are_of_everything_on_every_page_and_under_every_filter(self):
        self.world.call("POST", "/api/sdk/register", {
            "app_id": "wide", "states": [{"path": f"wide:GET:/wide/{number:03}"} for number in range(120)],
        })
        routes = self.world.call("GET", "/api/routes")
        for query, wanted in [("", lambda r: True), ("page=2", lambda r: True), ("service=wide", lambda r: r["service"] == "wide"),
                              ("service=wide&page=2", lambda r: r["service"] == "wide"),
                              ("q=catalog", lambda r: "catalog" in r["path"] or r["service"] == "catalog")]:
            self.admin.go(f"/routes?{query}")
            counts = self.counts(self.admin)
            mine = [route for route in routes if wanted(route)]
            self.assertEqual(counts["All"], len(mine), query)
            for name, status in [("Active", "active"), ("Disabled", "disabled"), ("Maintenance", "maintenance"),
                                 ("Env-gated", "env_gated"), ("Deprecated", "deprecated")]:
                self.assertEqual(counts[name], sum(route["effective"] == status for route in mine), (query, name))
            self.assertIn(f"{len(mine)} routes in", self.admin.text("#summary"))
        self.assertLessEqual(len(self.admin.all("tr[data-key]")), 100)

    def test_02_g55_global_maintenance_from_elsewhere_shows_on_open_pages_with_its_cause(self):
        pages = ["/routes?q=/api/catalog/01", "/limits"]
        for browser, page in zip((self.admin, self.other), pages):
            browser.go(page)
            browser.live()
        self.world.call("POST", "/api/global/enable", {"reason": "data centre move"})
        try:
            for browser in (self.admin, self.other):
                browser.eventually("data centre move", "#strips", 2)
            self.admin.eventually("Everything is in maintenance: data centre move", f"tr[data-key='{key('catalog:GET:' + CATALOG[0])}']", 2)
            self.admin.click("#strips a")
            until("the dialog is open", lambda: self.admin.has("dialog[open] form") and self.admin.text("dialog"))
            self.confirm(self.admin)
            until("the strip is gone", lambda: not self.other.has("#strips .strip"))
        finally:
            self.world.call("POST", "/api/global/disable", {})

    def test_03_service_maintenance_is_seen_on_every_page(self):
        self.world.call("POST", "/api/services/catalog/maintenance/enable", {"reason": "reindex"})
        try:
            for page in ["/", "/routes", "/routes?service=orders-service", "/fleet", "/limits", "/schedule", "/audit", "/settings"]:
                self.admin.go(page)
                self.assertIn("catalog is in maintenance: reindex", self.admin.text("#strips"), page)
            self.admin.go("/routes?service=catalog&status=maintenance")
            self.assertIn("The service is in maintenance: reindex", self.admin.text("#list"))
        finally:
            self.world.call("POST", "/api/services/catalog/maintenance/disable", {})

    def test_04_a_window_for_tomorrow_leaves_the_route_serving_and_can_be_taken_back(self):
        name, service = "orders-service:GET:/api/orders", self.stage.orders[0]
        self.act(self.admin, name, "schedule", "ledger move", start=utc(days=1), end=utc(days=1, hours=1))
        self.confirm(self.admin)
        self.assertEqual(service.answers("/api/orders"), 200)
        self.admin.go("/schedule")
        row = "tr[data-key]"
        self.assertIn("ledger move", self.admin.text("#list"))
        self.assertIn("upcoming", self.admin.text(row))
        self.admin.click_text(f"{row} td.act a", "Edit")
        until("the dialog is open", lambda: self.admin.has("dialog[open] form") and self.admin.text("dialog"))
        self.assertEqual(self.admin.property("dialog [name=reason]", "value"), "ledger move")
        self.admin.set("dialog [name=end]", utc(days=1, hours=3))
        self.confirm(self.admin)
        self.admin.eventually("for 3 h", row)
        self.assertEqual(len(self.admin.all(row)), 1)
        self.admin.click_text(f"{row} td.act a", "Cancel")
        until("the dialog is open", lambda: self.admin.has("dialog[open] form") and self.admin.text("dialog"))
        self.confirm(self.admin)
        self.admin.eventually("Nothing is planned", "#list")

    def test_04_a_window_opens_and_closes_on_time(self):
        name, service = "orders-service:GET:/api/v0/orders", self.stage.orders[0]
        now = datetime.datetime.now(datetime.timezone.utc)
        start, end = (now + datetime.timedelta(seconds=s) for s in (2, 5))
        self.world.route(name, "schedule", {"start": start.isoformat(), "end": end.isoformat(), "reason": "soon"})
        self.assertEqual(service.answers("/api/v0/orders"), 200)
        until("it has begun", lambda: service.answers("/api/v0/orders") == 503, 4)
        until("it has ended", lambda: service.answers("/api/v0/orders") == 200, 6)
        until("it is what it was", lambda: self.status(name) == "deprecated")

    def test_05_windows_that_make_no_sense_are_refused_in_place_with_what_was_typed(self):
        name = f"catalog:GET:{CATALOG[1]}"
        before = self.world.revision(name)
        for start, end in [(utc(days=2), utc(days=1)), (utc(days=-2), utc(days=-1))]:
            self.act(self.admin, name, "schedule", "keep me", start=start, end=end)
            self.admin.click("dialog [data-submit]")
            until("an error is shown", lambda: self.admin.has("dialog .error"))
            self.assertEqual(self.admin.property("dialog [name=reason]", "value"), "keep me")
            self.assertEqual(self.admin.property("dialog [name=start]", "value")[:16], start)
        self.assertEqual(self.world.revision(name), before)

    def test_06_a_deprecation_survives_maintenance(self):
        name = "catalog:GET:/status/old"
        self.act(self.admin, name, "maintenance", "short break")
        self.confirm(self.admin)
        self.becomes(name, "maintenance")
        self.act(self.admin, name, "enable")
        self.confirm(self.admin)
        self.becomes(name, "deprecated")
        self.admin.go(f"/routes/{key(name)}")
        self.assertIn("2030-01-01", self.admin.text("#facts"))

    def test_07_g31_two_people_want_maintenance_and_it_is_maintenance(self):
        name = f"catalog:GET:{CATALOG[2]}"
        self.act(self.admin, name, "maintenance", "mine")
        self.act(self.other, name, "maintenance", "theirs")
        self.confirm(self.other)
        self.admin.click("dialog [data-submit]")
        self.admin.eventually("has changed", "dialog .error")
        self.assertEqual(self.status(name), "maintenance")
        self.assertEqual(self.world.route(name)["reason"], "theirs")

    def test_08_g31_a_stale_form_overwrites_nothing_and_shows_both(self):
        name = f"catalog:GET:{CATALOG[3]}"
        self.act(self.admin, name, "disable", "my words")
        self.world.route(name, "maintenance", {"reason": "their words"})
        self.admin.click("dialog [data-submit]")
        self.admin.eventually("has changed", "dialog .error")
        told = self.admin.text("dialog")
        self.assertIn("their words", told)
        self.assertEqual(self.admin.property("dialog [name=reason]", "value"), "my words")
        self.assertEqual(self.status(name), "maintenance")
        self.confirm(self.admin)
        self.becomes(name, "disabled")

    def test_09_names_that_look_alike_are_two_rows(self):
        self.admin.go("/routes?q=fx")
        self.admin.live()
        self.world.route("catalog:GET:/api/fx-rates", "disable", {"reason": "wrong rates"})
        self.admin.eventually("wrong rates", f"tr[data-key='{key('catalog:GET:/api/fx-rates')}']")
        self.assertIn("Active", self.admin.text(f"tr[data-key='{key('catalog:GET:/api/fx_rates')}']"))
        self.assertEqual(len(self.admin.all("tr[data-key]")), 2)

    def test_10_a_double_click_makes_one_change(self):
        name = f"catalog:GET:{CATALOG[4]}"
        self.act(self.admin, name, "disable", "twice")
        before = self.world.revision()
        self.admin.run("const b = document.querySelector('dialog [data-submit]'); b.click(); b.click();")
        self.becomes(name, "disabled")
        until("the dialog is closed", lambda: not self.admin.has("dialog[open]"))
        self.assertEqual(self.world.revision(), before + 1)

    def test_13_an_empty_gate_is_asked_about(self):
        name = f"catalog:GET:{CATALOG[5]}"
        self.act(self.admin, name, "env", "only some", envs=" , ")
        self.admin.click("dialog [data-submit]")
        self.admin.eventually("name at least one environment", "dialog .error")
        self.assertEqual(self.status(name), "active")

    def test_22_a_changed_limit_shows_before_and_after_of_each_field(self):
        path = f"/limits/routes/{key('catalog:GET:' + CATALOG[6])}/edit"
        for limit, burst in [("100/minute", "0"), ("50/minute", "5")]:
            self.admin.go(path)
            self.admin.fill("[name=limit]", limit)
            self.admin.fill("[name=burst]", burst)
            self.admin.click("[data-submit]")
            until("it is stored", lambda: "done=" in self.admin.url())
        revision = urllib.parse.parse_qs(urllib.parse.urlsplit(self.admin.url()).query)["done"][0]
        self.admin.go(f"/changes/{revision}")
        table = self.admin.text("table.diff")
        for text in ["limit", "100/minute", "50/minute", "burst"]:
            self.assertIn(text, table)

    def test_24_a_limit_is_enforced_by_its_service_soon(self):
        name, service = "orders-service:GET:/api/orders/{id}", self.stage.orders[1]
        self.admin.go(f"/limits/routes/{key(name)}/edit")
        self.admin.fill("[name=limit]", "1/hour")
        self.admin.click("[data-submit]")
        until("it is stored", lambda: "done=" in self.admin.url())
        until("the service refuses", lambda: service.answers("/api/orders/7") == 429, 2)
        self.admin.go("/limits?service=orders-service")
        self.assertIn("1/hour", self.admin.text("#list"))
        self.admin.go(f"/limits/routes/{key(name)}/remove")
        self.admin.click("[data-submit]")
        until("the service answers", lambda: service.answers("/api/orders/7") == 200, 2)

    def test_25_a_limit_that_is_none_is_refused_in_place(self):
        for path in ["/limits/global/all", "/limits/services/catalog", f"/limits/routes/{key('catalog:GET:' + CATALOG[7])}"]:
            self.admin.go("/limits?service=catalog")
            self.admin.live()
            if "routes" in path:
                self.admin.click("#unlimited summary")
            self.admin.click(f"a[href='{path}/edit'][data-dialog]")
            until("the dialog is open", lambda: self.admin.has("dialog[open] [name=limit]"))
            self.admin.fill("dialog [name=limit]", "many per day")
            self.admin.click("dialog [data-submit]")
            self.admin.eventually("is no limit", "dialog .error")
            self.assertEqual(self.admin.property("dialog [name=limit]", "value"), "many per day", path)

    def test_30_what_is_not_there_is_a_page_with_a_way_back(self):
        for path, title in [("/nope", "Not found"), ("/changes/99999", "Not found"), ("/routes/xyz", None)]:
            self.admin.go(path)
            if title:
                self.assertEqual(self.admin.text("h1"), title)
            self.assertTrue(self.admin.has("nav.nav a") and self.admin.has("main a.button"), path)
        self.admin.go("/routes?page=abc&status=purple")
        self.assertEqual(self.admin.text("h1"), "Routes")

    def test_g58_what_people_write_is_shown_as_text(self):
        name, words = f"catalog:GET:{CATALOG[8]}", "<img src=x onerror=alert(1)> ünïcode ✓ \"quotes\" & more"
        self.act(self.admin, name, "disable", words)
        self.confirm(self.admin)
        for page in [f"/routes?q={CATALOG[8]}", f"/routes/{key(name)}", "/audit", "/"]:
            self.admin.go(page)
            self.assertIn(words, self.admin.property("main", "textContent"), page)
            self.assertFalse(self.admin.has("main img"), page)

    def test_g57_stored_and_in_force_are_different_words(self):
        name = f"catalog:GET:{CATALOG[9]}"
        self.act(self.admin, name, "disable", "nobody listens")
        self.confirm(self.admin)
        card = self.admin.eventually("stored", "#card") and self.admin.text("#card")
        self.assertIn("No instance that it concerns is connected", card)
        self.assertNotIn("Applied", card)

    def test_21_audit_filters_stand_in_the_address_and_combine(self):
        name = f"catalog:GET:{CATALOG[10]}"
        for number in range(3):
            self.world.route(name, "disable", {"reason": f"needle {number}"})
            self.world.route(name, "enable", {"reason": "hay"})
        self.admin.go("/audit")
        self.admin.live()
        self.admin.type("#q", "needle")
        until("the list is filtered", lambda: len(self.admin.all(".entry")) == 3)
        self.assertIn("q=needle", self.admin.url())
        self.admin.set("#service", "orders-service")
        self.admin.eventually("Nothing fits", "#list")
        self.admin.reload()
        self.assertIn("Nothing fits", self.admin.text("#list"))
        self.assertEqual(self.admin.property("#q", "value"), "needle")
