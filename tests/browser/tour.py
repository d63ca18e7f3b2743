"""Pictures for somebody who has never seen it: a route that is blocked, why, a stop that arrives, and its undo."""

import os

from stage import REPOSITORY, Stage
from webdriver import Keys, until
from world import key

TOUR = os.path.join(REPOSITORY, "target/dashboard-tour")
ROUTE = "orders-service:GET:/api/payments"


def main():
    stage = Stage()
    browser, world = stage.admin, stage.world
    try:
        browser.size(1280, 860)
        browser.go("/")
        browser.live()
        browser.picture(f"{TOUR}/1-overview.png")
        browser.go(f"/routes/{key('payments-service:GET:/api/payments')}")
        browser.live()
        browser.picture(f"{TOUR}/2-why-a-route-is-blocked.png")
        browser.go("/routes?service=orders-service")
        browser.live()
        browser.click(f"tr[data-key='{key(ROUTE)}'] td.act > .actions > a")
        until("the dialog is open", lambda: browser.has("dialog[open] form") and browser.text("dialog"))
        browser.fill("dialog textarea[name=reason]", "INC-2291 duplicate transfers")
        browser.picture(f"{TOUR}/3-stop-a-route.png")
        browser.click("dialog [data-submit]")
        browser.eventually("Applied 3 of 3.", "#card")
        browser.picture(f"{TOUR}/4-it-has-arrived.png")
        revision = world.revision()
        browser.go(f"/changes/{revision}")
        browser.live()
        browser.picture(f"{TOUR}/5-the-change.png")
        browser.click_text("main .head a.button", "Undo")
        until("the dialog is open", lambda: browser.has("dialog[open] form") and browser.text("dialog"))
        browser.picture(f"{TOUR}/6-undo.png")
        browser.press(Keys.ESCAPE)
        browser.go("/stop")
        browser.live()
        browser.picture(f"{TOUR}/7-stop-a-service.png")
        print(f"pictures are in {TOUR}")
        return 0
    finally:
        stage.stop()
