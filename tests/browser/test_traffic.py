"""What services count is seen: how much, of what, denied to whom, and that nobody counts is not that there was nothing."""

import re

from stage import PICTURES, Check
from webdriver import until
from world import key

LIMITED = "orders-service:GET:/api/v0/orders"


def sums(words):
    """What the summary below a chart says, by outcome."""
    return {name: int(count) for count, name in re.findall(r"(\d+) (allowed|limited|blocked|gated)", words)}


class Traffic(Check):
    def limited(self, browser, query=""):
        browser.go(f"/traffic?route={LIMITED}{query}")
        return sums(browser.property("#chart svg.chart desc", "textContent"))

    def test_23_twenty_rejections_are_twenty_in_chart_and_samples(self):
        browser, service = self.admin, self.stage.orders[0]
        self.world.call("POST", "/api/rate-limits", {"path": LIMITED, "limit": "1/hour", "key_strategy": "ip"})
        try:
            before = self.limited(browser).get("limited", 0)
            until("the limit is enforced", lambda: service.answers("/api/v0/orders") == 429)
            told = lambda: self.limited(browser).get("limited", 0)
            known = until("what came before is told", lambda: told() > before and told(), 20)
            for _ in range(20):
                self.assertEqual(service.answers("/api/v0/orders"), 429)
            until("the chart has twenty more", lambda: self.limited(browser).get("limited", 0) == known + 20, 20)
            self.assertEqual(self.limited(browser, "&window=24h")["limited"], known + 20)
            listed = lambda: (self.limited(browser), browser.run(
                "return [...document.querySelectorAll('#samples tr[data-key]')].reduce((sum, row) => sum + +row.cells[7].textContent, 0)"
            ))[1]
            until("the list has them too", lambda: listed() == known + 20, 20)
            self.assertIn("1/hour", browser.text("#samples"))
            self.assertIn("127.0.0.0/24", browser.text("#callers-panel"))
            self.assertNotIn("127.0.0.1", browser.source())
            browser.picture(f"{PICTURES}/light/traffic-limited.png", whole=True)
        finally:
            self.world.call("DELETE", f"/api/rate-limits/{key(LIMITED)}")

    def test_23_who_does_not_count_reads_no_data(self):
        self.admin.go("/traffic?service=reference-service")
        self.assertIn("No data", self.admin.text("#chart"))
        self.assertIn("No data: reference-service", self.admin.text("#chart"))
        self.assertNotIn("no requests", self.admin.text("#chart"))

    def test_traffic_follows_by_itself_and_what_is_unfolded_stays(self):
        browser, service = self.admin, self.stage.orders[1]
        browser.go("/traffic?route=orders-service:GET:/api/orders")
        browser.live()
        browser.run("for (const fold of document.querySelectorAll('#chart details')) fold.open = true")
        told = lambda: sums(browser.property("#chart svg.chart desc", "textContent")).get("allowed", 0)
        before = told()
        for _ in range(7):
            service.answers("/api/orders")
        until("the chart follows", lambda: told() >= before + 7, 15)
        self.assertTrue(browser.run("return document.querySelector('#chart [data-open=traffic-table]').open"))

    def test_traffic_works_by_links_and_forms_without_script(self):
        plain = self.plain
        plain.go("/traffic")
        plain.click_text("#ranges a", "6h")
        until("it is another range", lambda: "window=6h" in plain.url())
        plain.click("#outcome option[value=blocked]")
        plain.click_text("form.filters button", "Filter")
        until("it is filtered", lambda: "outcome=blocked" in plain.url() and "window=6h" in plain.url())
        self.assertEqual(plain.text("#requests"), "Requests, last 6 hours")

    def test_changes_are_marked_and_lead_to_their_page(self):
        self.world.route("catalog:GET:/api/catalog/29", "disable", {"reason": "to be marked"})
        revision = self.world.revision()
        self.admin.go("/traffic?service=catalog&window=1h")
        self.assertTrue(self.admin.has(f"#chart .plot a[href$='/changes/{revision}']"))
        self.admin.run("document.querySelector('#chart details').open = true")
        self.admin.click_text("#chart .changes a", f"r{revision}")
        until("it is the change", lambda: self.admin.url() == f"/changes/{revision}")
        self.world.route("catalog:GET:/api/catalog/29", "enable", {})

    def test_overview_names_causes_and_how_far_changes_have_come(self):
        self.world.call("POST", "/api/services/catalog/maintenance/enable", {"reason": "stocktaking"})
        try:
            self.admin.go("/")
            panel = self.admin.text("#unusual-panel")
            self.assertIn("by maintenance of catalog", panel)
            self.assertIn("stocktaking", panel)
            self.assertNotIn("/api/catalog/02", panel, "what one cause stops is one line")
            self.assertIn("End it…", panel)
        finally:
            self.world.call("POST", "/api/services/catalog/maintenance/disable", {})
        self.world.route("orders-service:GET:/api/payments", "disable", {"reason": "seen to arrive"})
        self.admin.go("/")
        self.admin.live()
        self.admin.eventually("Applied 3 of 3.", "#latest-panel .entry")
        self.world.route("orders-service:GET:/api/payments", "enable", {})
