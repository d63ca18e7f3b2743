"""For everybody: by keyboard, with a screen reader, on a small screen, in the dark."""

import os
import re
import unittest

from stage import AXE, CATALOG, PICTURES, Check
from test_plain import PAGES
from webdriver import Keys, until
from world import key

SIZES = [(320, 640), (390, 844), (768, 1024), (1024, 768), (1400, 1000), (1920, 1080), (3840, 2160)]
RULES = "['wcag2a','wcag2aa','wcag21a','wcag21aa','wcag22aa']"


def name_of(page):
    return page.split("?")[0].strip("/").replace(key("orders-service:GET:/api/orders"), "route").replace("/", "-") or "overview"


class Access(Check):
    def tearDown(self):
        for browser in (self.admin, self.other):
            browser.devtools("Emulation.clearDeviceMetricsOverride")
            browser.devtools("Emulation.setTouchEmulationEnabled", enabled=False)
            browser.devtools("Emulation.setEmulatedVisionDeficiency", type="none")
            browser.prefers(prefers_color_scheme="", forced_colors="", prefers_reduced_motion="")

    def violations(self, browser, what, schemes=("light", "dark")):
        """What axe-core finds on what is shown, in both themes."""
        with open(AXE, encoding="utf-8") as file:
            browser.run(file.read())
        found = []
        for scheme in schemes:
            browser.prefers(prefers_color_scheme=scheme)
            seen = browser.wait_for(
                f"const done = arguments[0]; axe.run(document, {{runOnly: {RULES}, resultTypes: ['violations']}}).then(r => done("
                "r.violations.map(v => [v.id, v.nodes.length, v.nodes[0].html.slice(0, 200)])));"
            )
            found += [(scheme, what, *violation) for violation in seen]
            browser.picture(f"{PICTURES}/{scheme}/{what}.png", whole=True)
        return found

    def page_has_no_violation(self, page):
        if "{change}" in page:
            self.world.route(f"catalog:GET:{CATALOG[19]}", "disable", {"reason": "to be seen"})
            page = page.format(change=self.world.revision())
        self.admin.go(page)
        self.assertEqual(self.violations(self.admin, name_of(page)), [])

    @unittest.skipUnless(os.path.exists(AXE), "axe-core is not there")
    def test_34_axe_finds_nothing_in_a_dialog_and_in_the_palette(self):
        self.act(self.admin, "orders-service:GET:/api/orders", "disable", "INC-34")
        found = self.violations(self.admin, "dialog")
        self.admin.click("dialog button[name=preview]")
        until("it is previewed", lambda: self.admin.has("dialog #preview"))
        self.admin.run("document.querySelectorAll('dialog details').forEach(fold => { fold.open = true; })")
        found += self.violations(self.admin, "preview")
        self.admin.press(Keys.ESCAPE)
        self.admin.press("k", holding=[Keys.CONTROL])
        self.admin.type("#palette", "orders")
        until("something is found", lambda: self.admin.has("#palette-found a"))
        self.assertEqual(found + self.violations(self.admin, "palette"), [])
        self.admin.press(Keys.ESCAPE)

    @unittest.skipUnless(os.path.exists(AXE), "axe-core is not there")
    def test_34_axe_finds_nothing_on_the_page_of_a_window(self):
        name = f"catalog:GET:{CATALOG[21]}"
        self.world.route(name, "schedule", {"start": "2100-01-01T10:00:00Z", "end": "2100-01-01T11:00:00Z", "reason": "to be seen"})
        number = next(one["id"] for one in self.world.call("GET", "/api/schedules") if one["route"] == name)
        self.admin.go(f"/schedule/{key(name)}/{number}")
        self.assertIn("to be seen", self.admin.text("#facts"))
        self.assertEqual(self.violations(self.admin, "window"), [])
        self.world.call("DELETE", f"/api/routes/{key(name)}/schedule")

    @unittest.skipUnless(os.path.exists(AXE), "axe-core is not there")
    def test_34_axe_finds_nothing_on_the_sign_in_page(self):
        browser = self.stage.browser(None)
        found = []
        for page in ("/login", "/login?error=x"):
            browser.go(page)
            found += self.violations(browser, "login")
        self.assertEqual(found, [])

    def test_35_the_twentieth_route_is_stopped_by_few_keys(self):
        self.admin.go("/routes?service=catalog")
        self.admin.live()
        row = self.admin.run("return document.querySelectorAll('tr[data-key]')[19].dataset.key")
        pressed = 0
        for keys in ["j"] * 20:
            self.admin.press(keys)
            pressed += 1
        self.assertEqual(self.admin.focused()[2], row)
        self.admin.press("d")
        pressed += 1
        until("the dialog is open", lambda: self.admin.has("dialog[open] form") and self.admin.text("dialog"))
        self.admin.press(*"by keys")
        self.admin.press(Keys.ENTER, holding=[Keys.CONTROL])
        pressed += 2
        self.assertLess(pressed, 25)
        until("it is disabled", lambda: "by keys" in self.admin.text(f"tr[data-key='{row}']"))
        until("focus is in the row", lambda: self.admin.focused()[2] == row)
        self.admin.press("?")
        self.admin.eventually("next, previous route", "dialog[open]")
        self.admin.press(Keys.ESCAPE)

    def test_35_single_keys_can_be_switched_off(self):
        browser = self.stage.browser("vera")
        browser.go("/settings")
        browser.click("input[name=keys]")
        browser.click_text("main button.primary", "Save")
        until("it is saved", lambda: not browser.property("input[name=keys]", "checked"))
        browser.go("/routes")
        browser.live()
        browser.press("?")
        browser.press("j")
        self.assertFalse(browser.has("dialog[open]"))
        self.assertEqual(browser.focused()[0], "BODY")

    def test_35_the_palette_goes_finds_and_does(self):
        self.admin.go("/")
        self.admin.live()
        self.admin.press("k", holding=[Keys.CONTROL])
        self.admin.type("#palette", "dis 21 catalog")
        # At once: what was found for a part of it does not count.
        self.admin.press(Keys.ENTER)
        until("the form is open", lambda: self.admin.has("dialog[open] form textarea[name=reason]"))
        self.assertIn("/api/catalog/21", self.admin.text("dialog"))
        self.admin.press(Keys.ESCAPE)

    def test_36_dialogs_have_a_name_hold_focus_and_give_it_back(self):
        self.act(self.admin, "orders-service:GET:/api/orders", "disable")
        self.assertEqual(self.admin.attribute("dialog", "aria-labelledby"), "dialog-title")
        self.assertIn("Disable GET /api/orders", self.admin.text("dialog #dialog-title"))
        self.assertEqual(self.admin.run("return document.activeElement.name"), "reason")
        for _ in range(12):
            self.admin.press(Keys.TAB)
            inside = self.admin.run(
                "return document.activeElement === document.body || !!document.activeElement.closest('dialog')"
            )
            self.assertTrue(inside)
        self.admin.press(Keys.ESCAPE)
        until("the dialog is closed", lambda: not self.admin.has("dialog[open]"))
        # A row that was renewed meanwhile gets the focus once the dialog has told that it is closed.
        until("focus is in the row", lambda: self.admin.focused()[2] == key("orders-service:GET:/api/orders"))

    def test_37_on_a_phone_targets_are_large_and_nothing_is_beside_the_screen(self):
        self.admin.size(390, 844)
        self.admin.devtools("Emulation.setTouchEmulationEnabled", enabled=True)
        self.admin.go("/routes")
        self.admin.live()
        small = self.admin.run(
            "return [...document.querySelectorAll('main a, main button, main select, .tabs a, .top a, main label')]"
            ".filter(e => e.getClientRects().length && !e.closest('p, .cause, [popover], .visually-hidden') && !e.matches('.visually-hidden'))"
            ".map(e => [e.textContent.trim().slice(0, 30), Math.round(e.getBoundingClientRect().height)])"
            ".filter(([, height]) => height < 44);"
        )
        self.assertEqual(small, [])
        words = self.admin.texts("td.act > .actions > a")
        self.assertTrue(all(words), "actions have words")
        self.admin.picture(f"{PICTURES}/small/routes.png")
        self.admin.click("tr[data-key] td.act > .actions > a")
        until("the dialog is open", lambda: self.admin.has("dialog[open] form") and self.admin.text("dialog"))
        self.admin.picture(f"{PICTURES}/small/dialog.png")
        self.admin.press(Keys.ESCAPE)

    def test_38_no_page_scrolls_sideways_from_320_pixels_to_4k(self):
        wide = []
        for page in PAGES:
            self.admin.go(page)
            for width, height in SIZES:
                self.admin.size(width, height)
                over = self.admin.run("return document.documentElement.scrollWidth - innerWidth")
                if over > 0:
                    wide.append((page, width, over))
            self.admin.picture(f"{PICTURES}/4k/{name_of(page)}.png")
            self.admin.size(320, 640)
            self.admin.picture(f"{PICTURES}/320/{name_of(page)}.png", whole=True)
        self.assertEqual(wide, [])

    def test_38_actions_stay_in_sight_at_1024(self):
        self.admin.size(1024, 768)
        self.admin.go("/routes?service=orders-service")
        edges = self.admin.run(
            "return [...document.querySelectorAll('td.act > .actions > a')].map(e => Math.round(e.getBoundingClientRect().right))"
        )
        self.assertTrue(edges and all(edge <= 1024 for edge in edges), edges)
        self.admin.picture(f"{PICTURES}/1024/routes.png")

    def test_39_statuses_differ_in_shape_and_fill_without_words_or_colour(self):
        self.admin.go("/routes?q=/status/")
        self.admin.run("document.querySelectorAll('.status').forEach(s => s.lastChild.textContent = '')")
        marks = self.admin.run(
            "return [...document.querySelectorAll('tr[data-key] .status')].map(s => {"
            "const grey = c => { const [r, g, b] = c.match(/[\\d.]+/g).map(Number); return Math.round(.3 * r + .6 * g + .1 * b); };"
            "const style = getComputedStyle(s);"
            "return s.querySelector('svg').innerHTML + grey(style.backgroundColor) + style.borderStyle; })"
        )
        self.assertEqual(len(marks), 4)
        self.assertEqual(len(set(marks)), len(marks), marks)
        for deficiency in ("deuteranopia", "achromatopsia"):
            self.admin.devtools("Emulation.setEmulatedVisionDeficiency", type=deficiency)
            self.admin.go("/routes?service=catalog&q=/status/")
            self.admin.picture(f"{PICTURES}/vision/{deficiency}.png")

    def test_40_themes_switch_without_script_and_follow_the_system(self):
        browser = self.stage.browser("vera")
        dark, light = "rgb(14, 17, 22)", "rgb(246, 247, 249)"
        canvas = lambda: browser.run("return getComputedStyle(document.body).backgroundColor")
        for scheme, colour in (("dark", dark), ("light", light)):
            browser.prefers(prefers_color_scheme=scheme)
            browser.go("/settings")
            self.assertEqual(canvas(), colour)
        for theme, colour in (("dark", dark), ("light", light)):
            browser.go("/settings")
            browser.click(f"input[name=theme][value={theme}]")
            browser.click_text("main button.primary", "Save")
            until("it is saved", lambda: browser.has(f"html[data-theme={theme}]"))
            self.assertEqual(canvas(), colour)
            self.assertIn(f'data-theme="{theme}"', browser.run("return fetch('/routes').then(r => r.text())"))

    def test_40_motion_is_left_out_and_forced_colours_keep_status_and_focus(self):
        self.admin.prefers(prefers_reduced_motion="reduce")
        self.act(self.admin, "orders-service:GET:/api/orders", "disable")
        self.assertEqual(self.admin.run("return getComputedStyle(document.querySelector('dialog')).animationName"), "none")
        self.admin.press(Keys.ESCAPE)
        self.admin.prefers(forced_colors="active")
        self.admin.go("/routes?q=/status/")
        borders = self.admin.run(
            "return [...document.querySelectorAll('.chip')].map(e => getComputedStyle(e).borderTopWidth)"
        )
        self.assertTrue(borders and all(width == "1px" for width in borders), borders)
        self.admin.run("document.querySelector('tr[data-key] a').focus({focusVisible: true})")
        self.assertNotEqual(self.admin.run("return getComputedStyle(document.activeElement).outlineStyle"), "none")
        self.admin.picture(f"{PICTURES}/forced/routes.png")
        for page in ("/", "/fleet", "/fleet/revisions", "/traffic", "/limits", "/schedule", "/audit", "/stop"):
            self.admin.go(page)
            self.admin.picture(f"{PICTURES}/forced/{name_of(page)}.png")


def page_test(page):
    @unittest.skipUnless(os.path.exists(AXE), "axe-core is not there")
    def test(self):
        self.page_has_no_violation(page)

    return test


# One test for each page, so that each has the time that it needs.
for number, page in enumerate([*PAGES, "/changes/{change}", "/changes/{change}/undo", "/routes?service=orders-service",
                               "/limits?service=catalog", "/traffic?service=orders-service&window=1h"]):
    shown = re.sub(r"\W+", "_", name_of(page))
    setattr(Access, f"test_34_axe_finds_nothing_on_{number:02}_{shown}", page_test(page))
