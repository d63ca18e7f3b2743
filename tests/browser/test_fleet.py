"""Acting on a fleet, and knowing that it has arrived."""

from stage import CATALOG, LIVENESS, Check
from webdriver import Keys, until
from world import key

ORDERS = "orders-service:GET:/api/payments"


class Fleet(Check):
    def test_14_two_clicks_and_a_reason_and_no_change_without_one(self):
        before = self.world.revision(ORDERS)
        self.act(self.admin, ORDERS, "disable")
        self.admin.run("document.querySelector('dialog form').noValidate = true")
        self.admin.click("dialog [data-submit]")
        self.admin.eventually("say why", "dialog .error")
        self.assertEqual(self.world.revision(ORDERS), before)
        self.admin.press(Keys.ESCAPE)

    def test_15_g57_the_card_counts_up_to_all_instances_which_then_refuse(self):
        self.act(self.admin, ORDERS, "disable", "INC-15")
        self.confirm(self.admin)
        self.admin.eventually("Applied 3 of 3.", "#card")
        for service in self.stage.orders:
            self.assertEqual(service.answers("/api/payments"), 503)
        self.world.route(ORDERS, "enable", {})

    def test_16_a_paused_instance_is_named_and_warned_about(self):
        paused = self.stage.orders[2]
        paused.pause()
        try:
            self.act(self.admin, ORDERS, "disable", "INC-16")
            self.confirm(self.admin)
            self.admin.eventually("Applied 2 of 3. Waiting for orders-3.", "#card")
            row = "tr[data-key='/fleet/orders-service/orders-3']"
            until("it is behind", lambda: (self.other.go("/fleet"), "Behind" in self.other.text(row))[1], 20)
            self.assertIn("1 behind", self.other.text("#summary"))
            until("the card warns", lambda: self.admin.has("#card.late"), 20)
        finally:
            paused.resume()
        self.admin.eventually("Applied 3 of 3.", "#card", 20)
        self.other.eventually("In sync", row, 20)
        self.world.route(ORDERS, "enable", {})

    def test_17_a_killed_instance_is_lost_on_an_open_page(self):
        extra = self.world.service("orders-service", "orders-service", "orders-4")
        self.world.settled("orders-service", 4)
        self.admin.go("/fleet")
        self.admin.live()
        row = "tr[data-key='/fleet/orders-service/orders-4']"
        self.admin.eventually("In sync", row)
        extra.kill()
        self.admin.eventually("Lost", row, LIVENESS + 35)
        self.assertIn("1 lost", self.admin.text("#summary"))
        self.admin.go("/fleet/orders-service/orders-4")
        self.assertIn("may still enforce", self.admin.text("#head"))
        self.admin.click_text("#head a.button", "Forget")
        until("the dialog is open", lambda: self.admin.has("dialog[open] form") and self.admin.text("dialog"))
        self.admin.click("dialog [data-submit]")
        until("it leads to the fleet", lambda: self.admin.url() == "/fleet")
        self.assertNotIn("orders-4", self.admin.text("#list"))

    def test_18_the_reference_is_delivered_and_unconfirmed(self):
        self.admin.go("/fleet")
        text = self.admin.text("#list")
        self.assertIn("Delivered, unconfirmed", text)
        self.act(self.admin, "reference-service:GET:/api/payments", "disable", "INC-18")
        self.confirm(self.admin)
        card = self.admin.eventually("Delivered to 1 that cannot confirm", "#card") and self.admin.text("#card")
        self.assertNotIn("Applied", card)
        until("the Python service refuses", lambda: self.stage.reference.answers("/api/payments") == 503)

    def test_19_undo_makes_a_new_change_with_what_was_before(self):
        self.act(self.admin, ORDERS, "disable", "INC-19")
        self.confirm(self.admin)
        self.admin.eventually("Applied 3 of 3.", "#card")
        revision = self.world.revision()
        self.admin.click_text("#card a", "Undo")
        until("the dialog is open", lambda: self.admin.has("dialog[open] form") and self.admin.text("dialog"))
        self.assertIn(f"Take back r{revision}", self.admin.text("dialog"))
        self.confirm(self.admin)
        self.becomes(ORDERS, "active")
        until("the services answer", lambda: all(one.answers("/api/payments") == 200 for one in self.stage.orders))
        self.assertEqual(self.world.revision(), revision + 1)
        self.admin.go(f"/changes/{revision}")
        self.assertIn("Undo is not offered", self.admin.text("main"))
        self.assertIn("since", self.admin.text("main"))

    def test_19_undo_restores_a_route_that_nobody_had_switched(self):
        name = "payments-service:GET:/api/payments"
        before = self.world.route(name)
        self.act(self.admin, name, "enable", "too early")
        self.confirm(self.admin)
        until("the service answers", lambda: self.stage.payments.answers("/api/payments") == 200)
        self.admin.click_text("#card a", "Undo")
        until("the dialog is open", lambda: self.admin.has("dialog[open] form") and self.admin.text("dialog"))
        self.confirm(self.admin)
        until("the service refuses", lambda: self.stage.payments.answers("/api/payments") == 503)
        after = self.world.route(name)
        for field in ("status", "reason", "effective"):
            self.assertEqual(after[field], before[field], field)

    def test_19_undo_of_maintenance_limits_and_of_several_routes_at_once(self):
        self.world.call("POST", "/api/services/catalog/maintenance/enable", {"reason": "first"})
        self.undo_latest()
        self.assertEqual(self.status(f"catalog:GET:{CATALOG[20]}"), "active")
        self.admin.go(f"/limits/routes/{key('catalog:GET:' + CATALOG[21])}/edit")
        self.admin.fill("[name=limit]", "9/minute")
        self.admin.click("[data-submit]")
        until("it is stored", lambda: "done=" in self.admin.url())
        self.undo_latest()
        self.admin.go("/limits?service=catalog")
        self.assertNotIn("9/minute", self.admin.text("#list"))
        names = [f"catalog:GET:{CATALOG[number]}" for number in (22, 23)]
        query = "&".join(f"route={key(name)}" for name in names)
        self.admin.go(f"/routes/bulk?do=disable&{query}")
        self.admin.fill("[name=reason]", "both")
        self.admin.click("[data-submit]")
        until("it is stored", lambda: "done=" in self.admin.url())
        self.undo_latest()
        self.assertEqual([self.status(name) for name in names], ["active", "active"])

    def undo_latest(self):
        revision = self.world.revision()
        self.admin.go(f"/changes/{revision}/undo")
        self.admin.click("[data-submit]")
        until("it is taken back", lambda: "done=" in self.admin.url())
        self.assertEqual(self.world.revision(), revision + 1)

    def test_20_a_change_opens_elsewhere_with_who_why_what_and_where(self):
        self.act(self.admin, ORDERS, "disable", "INC-20")
        self.confirm(self.admin)
        self.admin.eventually("Applied 3 of 3.", "#card")
        self.other.go(f"/changes/{self.world.revision()}")
        text = self.other.text("main")
        for words in ["admin disabled GET /api/payments", "INC-20", "base.lifecycle", "orders-1", "orders-2", "orders-3",
                      "Applied 3 of 3."]:
            self.assertIn(words, text)
        timed = self.other.texts("#arrival-panel tbody tr")
        self.assertEqual([" ms" in row for row in timed], [True] * 3, text)
        self.assertIn("ms at the latest", text)
        self.assertIn("Traffic, 15 minutes before and after", text)
        self.world.route(ORDERS, "enable", {})

    def test_bulk_actions_are_one_change(self):
        for number in range(10, 20):
            self.world.route(f"catalog:GET:/api/catalog/{number}", "enable", {})
        self.admin.go("/routes?q=/api/catalog/1")
        self.admin.live()
        before, boxes = self.world.revision(), self.admin.all("input[name=route]")
        self.admin.click("tbody tr:nth-of-type(2) input[name=route]")
        for _ in range(3):
            self.admin.press("j")
        self.admin.press("x")
        self.assertIn("2 selected", self.admin.text("[data-bulk-bar]"))
        self.assertGreater(len(boxes), 5)
        self.admin.click("[data-bulk-bar] button[value=disable]")
        until("the dialog is open", lambda: self.admin.has("dialog[open] form") and self.admin.text("dialog"))
        self.assertIn("Disable 2 routes", self.admin.text("dialog"))
        self.admin.fill("dialog [name=reason]", "bulk")
        self.confirm(self.admin)
        until("it is one change", lambda: self.world.revision() == before + 1)
        self.assertEqual(len(self.world.call("GET", f"/api/routes?service=catalog")), 36)
        self.admin.go(f"/changes/{before + 1}")
        self.assertEqual(self.admin.text("main").count("disabled GET /api/catalog/1"), 3, "the title and both routes")
