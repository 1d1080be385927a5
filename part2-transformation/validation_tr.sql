-- The test suite of transform.sql, in SQL: it creates test rows, runs transform.sql itself (not a copy) over them, and
-- compares the results with the expected ones. Run it with
--     python part2-transformation/transform.py --validate
-- Each test is a select of name, expected and actual; it passes if the two are equal.

-- rows: events_20250301.csv still has client_id (file 1), events_20250308.csv has clientId (file 2)
create or replace table bronze.cases as
select *
from (values
    -- A a first event starts a session
    (1, 'a1', null, 'https://puffy.com/', null, '2025-03-01T10:00:00.000Z', 'page_viewed', null, 'chrome'),
    -- B a gap of 30 minutes splits; 29:59.999 does not
    (1, 'b1', null, 'https://puffy.com/', null, '2025-03-01T10:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'b1', null, 'https://puffy.com/cart', null, '2025-03-01T10:30:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'b2', null, 'https://puffy.com/', null, '2025-03-01T10:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'b2', null, 'https://puffy.com/cart', null, '2025-03-01T10:29:59.999Z', 'page_viewed', null, 'chrome'),
    -- C two channels in one session
    (1, 'c1', null, 'https://puffy.com/', 'https://www.google.com/', '2025-03-01T11:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'c1', null, 'https://puffy.com/?gclid=A1B115', 'https://puffy.com/', '2025-03-01T11:10:00.000Z', 'page_viewed', null, 'chrome'),
    -- D a touch seven days before the order, to the millisecond
    (1, 'd1', null, 'https://puffy.com/?utm_source=news&utm_medium=email', null, '2025-03-03T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (2, null, 'd1', 'https://checkout.puffy.com/checkouts/cn/td1/thank-you', null, '2025-03-10T12:00:00.000Z', 'checkout_completed', '{"transaction_id": "D-1", "revenue": 100, "user_email": "mail-d1"}', 'chrome'),
    (1, 'd2', null, 'https://puffy.com/?utm_source=news&utm_medium=email', null, '2025-03-03T11:59:59.999Z', 'page_viewed', null, 'chrome'),
    (2, null, 'd2', 'https://checkout.puffy.com/checkouts/cn/td2/thank-you', null, '2025-03-10T12:00:00.000Z', 'checkout_completed', '{"transaction_id": "D-2", "revenue": 100, "user_email": "mail-d2"}', 'chrome'),
    -- E no earlier session: the order's own, else Unattributed with its reason
    (2, null, 'e1', 'https://puffy.com/', null, '2025-03-10T09:00:00.000Z', 'page_viewed', null, 'chrome'),
    (2, null, 'e1', 'https://checkout.puffy.com/checkouts/cn/te1/thank-you', 'https://puffy.com/', '2025-03-10T09:10:00.000Z', 'checkout_completed', '{"transaction_id": "E-1", "revenue": 50, "user_email": "mail-e1"}', 'chrome'),
    (2, null, 'e2', 'https://checkout.puffy.com/checkouts/cn/te2/thank-you', 'https://puffy.com/', '2025-03-10T09:10:00.000Z', 'checkout_completed', '{"transaction_id": "E-2", "revenue": 60, "user_email": "mail-e2"}', 'chrome'),
    (2, null, null, 'https://checkout.puffy.com/checkouts/cn/te3/thank-you', null, '2025-03-10T09:10:00.000Z', 'checkout_completed', '{"transaction_id": "E-3", "revenue": 70, "user_email": "mail-e3"}', 'chrome'),
    (1, 'e4', null, 'https://checkout.puffy.com/checkouts/cn/te4/thank-you', null, '2025-03-02T09:10:00.000Z', 'checkout_completed', '{"transaction_id": "E-4", "revenue": 80, "user_email": "mail-e4"}', 'chrome'),
    -- J a renamed id: one client in the healed reading, none as tracked
    (1, 'j1', null, 'https://puffy.com/?utm_source=pinterest&utm_medium=social', null, '2025-03-06T08:00:00.000Z', 'page_viewed', null, 'chrome'),
    (2, null, 'j1', 'https://checkout.puffy.com/checkouts/cn/tj1/thank-you', null, '2025-03-08T08:00:00.000Z', 'checkout_completed', '{"transaction_id": "J-1", "revenue": 200, "user_email": "mail-j1"}', 'chrome'),
    -- K the same order again; K2 amended twice, its first amount sent again in between
    (2, null, 'k1', 'https://checkout.puffy.com/checkouts/cn/tk1/thank-you', null, '2025-03-09T08:00:00.000Z', 'checkout_completed', '{"transaction_id": "K-1", "revenue": 300, "user_email": "mail-k1"}', 'chrome'),
    (2, null, 'k1', 'https://checkout.puffy.com/checkouts/cn/tk1/thank-you', null, '2025-03-09T08:05:00.000Z', 'checkout_completed', '{"transaction_id": "K-1", "revenue": 300, "user_email": "mail-other"}', 'chrome'),
    (2, null, 'k2', 'https://checkout.puffy.com/checkouts/cn/tk2/thank-you', null, '2025-03-09T08:00:00.000Z', 'checkout_completed', '{"transaction_id": "K-2", "revenue": 300, "user_email": "mail-k2"}', 'chrome'),
    (2, null, 'k2', 'https://checkout.puffy.com/checkouts/cn/tk2/thank-you', null, '2025-03-09T08:05:00.000Z', 'checkout_completed', '{"transaction_id": "K-2", "revenue": 300, "user_email": "mail-k2"}', 'chrome'),
    (2, null, 'k2', 'https://checkout.puffy.com/checkouts/cn/tk2/thank-you', null, '2025-03-09T08:10:00.000Z', 'checkout_completed', '{"transaction_id": "K-2", "revenue": 340, "user_email": "mail-k2"}', 'chrome'),
    (2, null, 'k2', 'https://checkout.puffy.com/checkouts/cn/tk2/thank-you', null, '2025-03-09T08:15:00.000Z', 'checkout_completed', '{"transaction_id": "K-2", "revenue": 320, "user_email": "mail-k2"}', 'chrome'),
    -- L without a checkout, the customer decides; L2 without a customer, the client; L3 if nothing is known, the id alone
    (2, null, 'l1', 'https://checkout.puffy.com/checkouts/cn/tl1/thank-you', null, '2025-03-09T08:00:00.000Z', 'purchase', '{"transaction_id": "L-1", "revenue": 310, "user_email": "mail-l1"}', 'chrome'),
    (2, null, 'l2', 'https://puffy.com/thank-you', null, '2025-03-11T08:05:00.000Z', 'checkout_completed', '{"transaction_id": "L-1", "revenue": 310, "user_email": "mail-l1"}', 'chrome'),
    (2, null, 'l1', 'https://puffy.com/thank-you', null, '2025-03-11T09:05:00.000Z', 'checkout_completed', '{"transaction_id": "L-1", "revenue": 310, "user_email": "mail-l3"}', 'chrome'),
    (2, null, 'l4', 'https://checkout.puffy.com/checkouts/cn/tl4/thank-you', null, '2025-03-09T08:00:00.000Z', 'checkout_completed', '{"transaction_id": "L-2", "revenue": 320}', 'chrome'),
    (2, null, 'l4', 'https://puffy.com/thank-you', null, '2025-03-11T08:05:00.000Z', 'checkout_completed', '{"transaction_id": "L-2", "revenue": 320}', 'chrome'),
    (2, null, 'l5', 'https://puffy.com/thank-you', null, '2025-03-11T09:05:00.000Z', 'checkout_completed', '{"transaction_id": "L-2", "revenue": 320}', 'chrome'),
    (2, null, 'l6', 'https://checkout.puffy.com/checkouts/cn/tl6/thank-you', null, '2025-03-09T08:00:00.000Z', 'checkout_completed', '{"transaction_id": "L-3", "revenue": 330}', 'chrome'),
    (2, null, null, 'https://puffy.com/thank-you', null, '2025-03-11T08:05:00.000Z', 'checkout_completed', '{"transaction_id": "L-3", "revenue": 330}', 'chrome'),
    -- M another customer's order under the same id; M2 another checkout of the same customer; M3 again after 31 days
    (2, null, 'm1', 'https://checkout.puffy.com/checkouts/cn/tm1/thank-you', null, '2025-03-09T08:00:00.000Z', 'checkout_completed', '{"transaction_id": "M-1", "revenue": 400, "user_email": "mail-m1"}', 'chrome'),
    (2, null, 'm2', 'https://checkout.puffy.com/checkouts/cn/tm2/thank-you', null, '2025-03-09T09:00:00.000Z', 'checkout_completed', '{"transaction_id": "M-1", "revenue": 400, "user_email": "mail-m2"}', 'chrome'),
    (2, null, 'm3', 'https://checkout.puffy.com/checkouts/cn/tm3/thank-you', null, '2025-03-09T08:00:00.000Z', 'checkout_completed', '{"transaction_id": "M-2", "revenue": 410, "user_email": "mail-m3"}', 'chrome'),
    (2, null, 'm3', 'https://checkout.puffy.com/checkouts/cn/tm4/thank-you', null, '2025-03-09T09:00:00.000Z', 'checkout_completed', '{"transaction_id": "M-2", "revenue": 410, "user_email": "mail-m3"}', 'chrome'),
    (2, null, 'm5', 'https://checkout.puffy.com/checkouts/cn/tm5/thank-you', null, '2025-03-09T08:00:00.000Z', 'checkout_completed', '{"transaction_id": "M-3", "revenue": 420, "user_email": "mail-m5"}', 'chrome'),
    (2, null, 'm6', 'https://checkout.puffy.com/checkouts/cn/tm6/thank-you', null, '2025-04-09T08:00:00.000Z', 'checkout_completed', '{"transaction_id": "M-3", "revenue": 420, "user_email": "mail-m6"}', 'chrome'),
    -- M4 one purchase under two ids
    (2, null, 'm7', 'https://checkout.puffy.com/checkouts/cn/tm7/thank-you', null, '2025-03-09T08:00:00.000Z', 'checkout_completed', '{"transaction_id": "M-4", "revenue": 430, "user_email": "mail-m7"}', 'chrome'),
    (2, null, 'm7', 'https://checkout.puffy.com/checkouts/cn/tm7/thank-you', null, '2025-03-09T08:00:02.000Z', 'checkout_completed', '{"transaction_id": "M-5", "revenue": 430, "user_email": "mail-m7"}', 'chrome'),
    -- N quarantined: no transaction id, no readable amount; and an order with a negative amount
    (2, null, 'n1', 'https://checkout.puffy.com/checkouts/cn/tn1/thank-you', null, '2025-03-09T08:00:00.000Z', 'checkout_completed', '{"revenue": 500, "user_email": "mail-n1"}', 'chrome'),
    (2, null, 'n2', 'https://checkout.puffy.com/checkouts/cn/tn2/thank-you', null, '2025-03-09T08:00:00.000Z', 'checkout_completed', '{"transaction_id": "N-2", "revenue": "much", "user_email": "mail-n2"}', 'chrome'),
    (2, null, 'n3', 'https://checkout.puffy.com/checkouts/cn/tn3/thank-you', null, '2025-03-09T08:00:00.000Z', 'checkout_completed', '{"transaction_id": "N-3", "revenue": -20, "user_email": "mail-n3"}', 'chrome'),
    -- O an exact repeat; P times that cannot be read; Q no event name
    (2, null, 'o1', 'https://checkout.puffy.com/checkouts/cn/to1/thank-you', null, '2025-03-09T08:00:00.000Z', 'checkout_completed', '{"transaction_id": "O-1", "revenue": 600, "user_email": "mail-o1"}', 'chrome'),
    (2, null, 'o1', 'https://checkout.puffy.com/checkouts/cn/to1/thank-you', null, '2025-03-09T08:00:00.000Z', 'checkout_completed', '{"transaction_id": "O-1", "revenue": 600, "user_email": "mail-o1"}', 'chrome'),
    (2, null, 'p1', 'https://checkout.puffy.com/checkouts/cn/tp1/thank-you', null, '2025-03-09T08:00:00 CET', 'checkout_completed', '{"transaction_id": "P-1", "revenue": 700, "user_email": "mail-p1"}', 'chrome'),
    (2, null, 'p4', 'https://puffy.com/', null, '2025-03-09T08:00:00+02:00', 'page_viewed', null, 'chrome'),
    (2, null, 'p2', 'https://puffy.com/', null, '2025-02-30T08:00:00.000Z', 'page_viewed', null, 'chrome'),
    (2, null, 'p3', 'https://puffy.com/', null, '2025-03-09 08:00:00', 'page_viewed', null, 'chrome'),
    (2, null, 'q1', 'https://puffy.com/', null, '2025-03-09T08:00:00.000Z', null, null, 'chrome'),
    -- R a session across midnight is one session
    (1, 'r1', null, 'https://puffy.com/', null, '2025-03-04T23:50:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'r1', null, 'https://puffy.com/cart', null, '2025-03-05T00:10:00.000Z', 'page_viewed', null, 'chrome'),
    -- S a declared crawler has no session, and its order still counts
    (2, null, 's1', 'https://puffy.com/', null, '2025-03-09T08:00:00.000Z', 'page_viewed', null, 'googlebot'),
    (2, null, 's1', 'https://checkout.puffy.com/checkouts/cn/ts1/thank-you', null, '2025-03-09T08:01:00.000Z', 'checkout_completed', '{"transaction_id": "S-1", "revenue": 10, "user_email": "mail-s1"}', 'googlebot'),
    -- T three touches of one order: credits to the cent; its path: Email, Affiliates, Organic Search
    (2, null, 't1', 'https://puffy.com/?utm_source=x&utm_medium=email', null, '2025-03-08T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (2, null, 't1', 'https://puffy.com/?utm_source=x&utm_medium=7B4C8A', null, '2025-03-10T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (2, null, 't1', 'https://puffy.com/', 'https://duckduckgo.com/', '2025-03-14T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (2, null, 't1', 'https://checkout.puffy.com/checkouts/cn/tt1/thank-you', 'https://puffy.com/', '2025-03-15T12:00:00.000Z', 'checkout_completed', '{"transaction_id": "T-1", "revenue": 100, "user_email": "mail-t1", "items": [{"item_id": "i1", "item_name": "Pillow", "item_variant": "King", "quantity": 2, "item_price": 40}, {"item_id": "i2", "item_name": "Sheet", "quantity": 1, "item_price": 60}, {"item_id": "i3", "item_name": "Card", "quantity": 1, "item_price": null}]}', 'chrome'),
    -- U a direct visit after a known one: last click and last non-direct differ
    (2, null, 'u1', 'https://puffy.com/?utm_source=x&utm_medium=sms', null, '2025-03-08T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (2, null, 'u1', 'https://puffy.com/', null, '2025-03-09T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (2, null, 'u1', 'https://checkout.puffy.com/checkouts/cn/tu1/thank-you', 'https://puffy.com/', '2025-03-09T12:20:00.000Z', 'checkout_completed', '{"transaction_id": "U-1", "revenue": 90, "user_email": "mail-u1"}', 'chrome'),
    -- V a touch after the order gets no credit
    (2, null, 'v1', 'https://puffy.com/', null, '2025-03-09T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (2, null, 'v1', 'https://checkout.puffy.com/checkouts/cn/tv1/thank-you', 'https://puffy.com/', '2025-03-09T12:20:00.000Z', 'checkout_completed', '{"transaction_id": "V-1", "revenue": 95, "user_email": "mail-v1"}', 'chrome'),
    (2, null, 'v1', 'https://puffy.com/?gclid=AAAAAA', null, '2025-03-09T12:30:00.000Z', 'page_viewed', null, 'chrome'),
    -- W two devices of one customer, stitched by the e-mail hash
    (2, null, 'w1', 'https://puffy.com/?utm_source=w&utm_medium=email', null, '2025-03-09T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (2, null, 'w1', 'https://puffy.com/', null, '2025-03-09T12:01:00.000Z', 'email_filled_on_popup', '{"user_email": "mail-w"}', 'chrome'),
    (2, null, 'w2', 'https://checkout.puffy.com/checkouts/cn/tw2/thank-you', 'https://puffy.com/', '2025-03-10T12:20:00.000Z', 'checkout_completed', '{"transaction_id": "W-1", "revenue": 110, "user_email": "mail-w"}', 'chrome'),
    -- X a hash that six ids share is not a person
    (2, null, 'x1', 'https://puffy.com/', null, '2025-03-09T10:00:00.000Z', 'email_filled_on_popup', '{"user_email": "mail-x"}', 'chrome'),
    (2, null, 'x2', 'https://puffy.com/', null, '2025-03-09T11:00:00.000Z', 'email_filled_on_popup', '{"user_email": "mail-x"}', 'chrome'),
    (2, null, 'x3', 'https://puffy.com/', null, '2025-03-09T12:00:00.000Z', 'email_filled_on_popup', '{"user_email": "mail-x"}', 'chrome'),
    (2, null, 'x4', 'https://puffy.com/', null, '2025-03-09T13:00:00.000Z', 'email_filled_on_popup', '{"user_email": "mail-x"}', 'chrome'),
    (2, null, 'x5', 'https://puffy.com/', null, '2025-03-09T14:00:00.000Z', 'email_filled_on_popup', '{"user_email": "mail-x"}', 'chrome'),
    (2, null, 'x6', 'https://puffy.com/', null, '2025-03-09T15:00:00.000Z', 'email_filled_on_popup', '{"user_email": "mail-x"}', 'chrome'),
    -- Y malformed JSON is not a payload; a sign-up without one still counts
    (2, null, 'y1', 'https://puffy.com/', null, '2025-03-09T12:00:00.000Z', 'email_filled_on_popup', '{"user_email":', 'chrome'),
    -- C2 pages repeat the referrer and the UTMs of the landing; C3 a new referrer is a second touch
    (1, 'c2', null, 'https://puffy.com/?utm_source=x&utm_medium=affiliate', 'https://blog.example/', '2025-03-01T11:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'c2', null, 'https://puffy.com/cart', 'https://blog.example/', '2025-03-01T11:01:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'c2', null, 'https://puffy.com/cart?utm_source=x&utm_medium=affiliate', 'https://puffy.com/', '2025-03-01T11:02:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'c3', null, 'https://puffy.com/?utm_source=x&utm_medium=affiliate', 'https://blog.example/', '2025-03-01T11:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'c3', null, 'https://puffy.com/cart', 'https://duckduckgo.com/', '2025-03-01T11:01:00.000Z', 'page_viewed', null, 'chrome'),
    -- E5 an order's own confirmation page, before and after it; E6 another order's is an earlier page view
    (2, null, 'e5', 'https://checkout.puffy.com/checkouts/cn/te5/thank-you?utm_source=x&utm_medium=email', null, '2025-03-10T09:00:00.000Z', 'page_viewed', null, 'chrome'),
    (2, null, 'e5', 'https://checkout.puffy.com/checkouts/cn/te5/thank-you', null, '2025-03-10T09:00:00.016Z', 'checkout_completed', '{"transaction_id": "E-5", "revenue": 50, "user_email": "mail-e5"}', 'chrome'),
    (2, null, 'e5', 'https://checkout.puffy.com/checkouts/cn/te5/thank-you', 'https://duckduckgo.com/', '2025-03-10T10:00:00.000Z', 'page_viewed', null, 'chrome'),
    (2, null, 'e6', 'https://checkout.puffy.com/checkouts/cn/te6/thank-you', null, '2025-03-10T09:00:00.000Z', 'checkout_completed', '{"transaction_id": "E-6", "revenue": 50, "user_email": "mail-e6"}', 'chrome'),
    (2, null, 'e6', 'https://checkout.puffy.com/checkouts/cn/te6/thank-you', null, '2025-03-10T09:00:01.000Z', 'page_viewed', null, 'chrome'),
    (2, null, 'e6', 'https://checkout.puffy.com/checkouts/cn/te7/thank-you', null, '2025-03-10T09:20:00.000Z', 'checkout_completed', '{"transaction_id": "E-7", "revenue": 50, "user_email": "mail-e6"}', 'chrome'),
    -- E8 a session that begins with an order and goes on
    (2, null, 'e8', 'https://checkout.puffy.com/checkouts/cn/te8/thank-you', null, '2025-03-09T10:00:00.000Z', 'checkout_completed', '{"transaction_id": "E-8", "revenue": 50, "user_email": "mail-e8"}', 'chrome'),
    (2, null, 'e8', 'https://puffy.com/', null, '2025-03-09T10:10:00.000Z', 'page_viewed', null, 'chrome'),
    (2, null, 'e8', 'https://checkout.puffy.com/checkouts/cn/te9/thank-you', null, '2025-03-09T11:00:00.000Z', 'checkout_completed', '{"transaction_id": "E-9", "revenue": 50, "user_email": "mail-e8"}', 'chrome'),
    -- I2 placeholders are not ids
    (1, 'undefined', null, 'https://puffy.com/?gclid=A1B115', null, '2025-03-09T08:00:00.000Z', 'page_viewed', null, 'chrome'),
    (2, null, '00000000-0000-0000-0000-000000000000', 'https://puffy.com/?gclid=A1B115', null, '2025-03-09T08:00:01.000Z', 'page_viewed', null, 'chrome'),
    -- V2 a page view and an order at the same time
    (2, null, 'v2', 'https://checkout.puffy.com/checkouts/cn/tv2/thank-you', null, '2025-03-09T12:00:00.000Z', 'checkout_completed', '{"transaction_id": "V-2", "revenue": 95, "user_email": "mail-v2"}', 'chrome'),
    (2, null, 'v2', 'https://puffy.com/?utm_source=x&utm_medium=sms', null, '2025-03-09T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    -- X2 a device of six customers is not a person
    (2, null, 'kiosk', 'https://puffy.com/', null, '2025-03-09T10:30:00.000Z', 'email_filled_on_popup', '{"user_email": "mail-x70"}', 'chrome'),
    (2, null, 'kiosk', 'https://puffy.com/', null, '2025-03-09T11:30:00.000Z', 'email_filled_on_popup', '{"user_email": "mail-x71"}', 'chrome'),
    (2, null, 'kiosk', 'https://puffy.com/', null, '2025-03-09T12:30:00.000Z', 'email_filled_on_popup', '{"user_email": "mail-x72"}', 'chrome'),
    (2, null, 'kiosk', 'https://puffy.com/', null, '2025-03-09T13:30:00.000Z', 'email_filled_on_popup', '{"user_email": "mail-x73"}', 'chrome'),
    (2, null, 'kiosk', 'https://puffy.com/', null, '2025-03-09T14:30:00.000Z', 'email_filled_on_popup', '{"user_email": "mail-x74"}', 'chrome'),
    (2, null, 'kiosk', 'https://puffy.com/', null, '2025-03-09T15:30:00.000Z', 'email_filled_on_popup', '{"user_email": "mail-x75"}', 'chrome'),
    (2, null, 'kiosk2', 'https://puffy.com/', null, '2025-03-09T16:30:00.000Z', 'email_filled_on_popup', '{"user_email": "mail-x70"}', 'chrome'),
    -- Y2 an event far from the day of its file
    (2, null, 'y2', 'https://puffy.com/', null, '2035-01-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    -- Z the channel table, one client per row
    (1, 'z01', null, 'https://puffy.com/?utm_source=(direct)&utm_medium=(none)', null, '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z02', null, 'https://puffy.com/?utm_source=g&utm_medium=x&utm_campaign=my-cross-network-1', null, '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z03', null, 'https://puffy.com/?utm_source=amazon&utm_medium=cpc', null, '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z04', null, 'https://puffy.com/?utm_source=g&utm_medium=ppc&utm_campaign=spring-shop', null, '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z05', null, 'https://puffy.com/?utm_source=google&utm_medium=cpc&utm_campaign=workshop', null, '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z06', null, 'https://puffy.com/?utm_source=Google&utm_medium=CPC', null, '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z07', null, 'https://puffy.com/?utm_source=facebook&utm_medium=paid_social', null, '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z08', null, 'https://puffy.com/?utm_source=youtube&utm_medium=paidvideo', null, '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z09', null, 'https://puffy.com/?utm_source=g&utm_medium=banner', null, '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z10', null, 'https://puffy.com/?utm_source=g&utm_medium=retargeting', null, '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z11', null, 'https://puffy.com/?utm_source=etsy&utm_medium=web', null, '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z12', null, 'https://puffy.com/?utm_source=g&utm_medium=social%20network', null, '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z13', null, 'https://puffy.com/?utm_source=g&utm_medium=social+media', null, '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z14', null, 'https://puffy.com/?utm_source=g&utm_medium=myvideoad', null, '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z15', null, 'https://puffy.com/?utm_source=g&utm_medium=ai-assistant', null, '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z16', null, 'https://puffy.com/', 'https://chatgpt.com/', '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z17', null, 'https://puffy.com/?utm_source=g&utm_medium=organic', null, '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z18', null, 'https://puffy.com/', 'https://www.google.co.uk/', '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z19', null, 'https://puffy.com/', 'https://m.facebook.com/', '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z20', null, 'https://puffy.com/', 'https://some-blog.example/', '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z21', null, 'https://puffy.com/?utm_source=g&utm_medium=link', null, '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z22', null, 'https://puffy.com/?utm_source=e-mail&utm_medium=x', null, '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z23', null, 'https://puffy.com/?utm_source=g&utm_medium=affiliates', null, '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z24', null, 'https://puffy.com/?utm_source=g&utm_medium=audio', null, '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z25', null, 'https://puffy.com/?utm_source=sms&utm_medium=x', null, '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z26', null, 'https://puffy.com/?utm_source=g&utm_medium=webpush', null, '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z27', null, 'https://puffy.com/?utm_source=firebase&utm_medium=x', null, '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z28', null, 'https://puffy.com/?utm_source=g&utm_medium=website', null, '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z29', null, 'https://puffy.com/?utm_source=26CAE7&utm_medium=76E084', null, '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z30', null, 'https://puffy.com/?utm_source=ABCDEF&utm_medium=7B4C8A', null, '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z31', null, 'https://puffy.com/?msclkid=A', null, '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z32', null, 'https://puffy.com/?srsltid=A', null, '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z33', null, 'https://puffy.com/?fbclid=A', null, '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z34', null, 'https://puffy.com/?_kx=A', null, '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z35', null, 'https://puffy.com/?irclickid=A&gclid=B', null, '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z36', null, 'https://puffy.com/?irclickid=A', null, '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z37', null, 'https://puffy.com/?utm_source=D41D8C&utm_medium=D41D8C&gclid=D41D8C', 'https://duckduckgo.com/', '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z38', null, 'https://puffy.com/?gclid=&utm_source=', 'https://source-afb1343a.com/', '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z39', null, 'https://puffy.com/', 'https://staging.puffy.com/x', '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z40', null, 'https://puffy.com/', 'https://www.paypal.com/', '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z41', null, 'https://puffy.com/', 'https://source-3cc1f354.com/', '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z42', null, 'https://puffy.com/?variant=1#?utm_source=g', null, '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z43', null, 'https://puffy.com/', 'https://www.google.com.gi/', '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z44', null, 'https://puffy.com/', 'https://www.rakuten.com/', '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z45', null, 'https://puffy.com/?utm_source=g&utm_medium=E%2Dm%61il', null, '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z46', null, 'https://puffy.com/?utm_source=g&utm_medium=social%2520network', null, '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z47', null, 'https://puffy.com/', 'https://user@www.google.com.:443/', '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z48', null, 'https://puffy.com/?li_fat_id=A', null, '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z49', null, 'https://puffy.com/', 'https://www.lnkd.in/', '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z50', null, 'https://puffy.com/', 'https://source-1307ab3c.com/', '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z51', null, 'https://puffy.com/?utm_source=D4CB75&utm_medium=AE24AC', null, '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome'),
    (1, 'z52', null, 'https://puffy.com/?utm_source=2CC330&utm_medium=971396', null, '2025-03-01T12:00:00.000Z', 'page_viewed', null, 'chrome')
) as cases (file, client_id, client_id_new, page_url, referrer, time, event_name, event_data, agent);

create or replace table bronze.files as
select *
from (values
    ('events_20250301.csv', cast('2025-03-01' as date), cast(20250301000 as bigint), cast(0 as bigint), cast(0 as bigint), cast(null as varchar)),
    ('events_20250308.csv', cast('2025-03-08' as date), cast(20250308000 as bigint), cast(0 as bigint), cast(0 as bigint), cast(null as varchar))
) as files (name, file_date, file_id, records, unreadable, refused);

create or replace table bronze.events as
select
    case when file = 1 then 'events_20250301.csv' else 'events_20250308.csv' end as _source_file,
    case when file = 1 then cast(20250301000 as bigint) else cast(20250308000 as bigint) end as _file_id,
    row_number() over (order by file, client_id nulls first, client_id_new nulls first, time, event_name nulls first, event_data nulls first) + 1 as _line,
    cast(null as varchar) as _unreadable,
    case when client_id_new = 'y1' then null else event_data end as _payload,
    client_id,
    client_id_new as "clientId",
    page_url,
    referrer,
    time as "timestamp",
    event_name,
    event_data,
    case agent
        when 'googlebot' then 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)'
        else 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/133.0.0.0 Safari/537.36'
    end as user_agent
from bronze.cases;

-- transform.sql

select 'A' as test, 'the first event starts a session' as name, '1 session from 10:00' as expected, (select cast(count(*) as varchar) || ' session from ' || cast(extract(hour from min(started_at)) as varchar) || ':00' from silver.sessions where client_id = 'a1' and reading = 'healed') as actual;

select 'B' as test, 'a gap of 30 minutes splits, 29:59.999 does not' as name, '2 and 1' as expected, (select cast(count(case when client_id = 'b1' then 1 end) as varchar) || ' and ' || cast(count(case when client_id = 'b2' then 1 end) as varchar) from silver.sessions where reading = 'healed') as actual;

select 'C' as test, 'mixed channels: first Organic Search, last Paid Search' as name, 'Organic Search, Paid Search' as expected, (select max(first_channel || ', ' || last_channel) from silver.sessions where client_id = 'c1' and reading = 'healed') as actual;

select 'C2' as test, 'a repeated referrer or UTM is not a second touch' as name, 'Affiliates, Affiliates' as expected, (select max(first_channel || ', ' || last_channel) from silver.sessions where client_id = 'c2' and reading = 'healed') as actual;

select 'C3' as test, 'a new referrer is a second touch' as name, 'Affiliates, Organic Search' as expected, (select max(first_channel || ', ' || last_channel) from silver.sessions where client_id = 'c3' and reading = 'healed') as actual;

select 'D' as test, 'seven days before the order is in the window, a millisecond more is not' as name, 'Email, Unattributed' as expected, (select max(case when transaction_id = 'D-1' then channel end) || ', ' || max(case when transaction_id = 'D-2' then channel end) from gold.attribution where model = 'last_click' and reading = 'healed') as actual;

select 'E' as test, 'no earlier session: the order''s own, else a reason' as name, 'Direct; no touch in the window; no id; window cut off' as expected, (select max(case when transaction_id = 'E-1' then channel end) from gold.attribution where model = 'last_click' and reading = 'healed') || '; ' || (select max(case when transaction_id = 'E-2' then reason end) || '; ' || max(case when transaction_id = 'E-3' then reason end) || '; ' || max(case when transaction_id = 'E-4' then reason end) from gold.unattributed where reading = 'healed') as actual;

select 'E5' as test, 'an order''s own confirmation page is neither a touch nor an earlier page view' as name, 'Unattributed, no page' as expected, (select max(channel) from gold.attribution where transaction_id = 'E-5' and model = 'last_click' and reading = 'healed') || ', ' || (select max(case when has_earlier_page_view then 'a page' else 'no page' end) from silver.orders where transaction_id = 'E-5') as actual;

select 'E6' as test, 'another order''s confirmation page is an earlier page view' as name, 'a page' as expected, (select max(case when has_earlier_page_view then 'a page' else 'no page' end) from silver.orders where transaction_id = 'E-7') as actual;

select 'E8' as test, 'a session that begins with an order has a touch for the next order' as name, 'Unattributed, Direct' as expected, (select max(case when transaction_id = 'E-8' then channel end) || ', ' || max(case when transaction_id = 'E-9' then channel end) from gold.attribution where model = 'last_click' and reading = 'healed') as actual;

select 'F' as test, 'orders after deduplication = attributed orders, in every model and reading' as name, (select cast(18 * count(*) as varchar) from silver.orders) as expected, (select cast(count(*) as varchar) from (select distinct order_id, model, reading from gold.attribution) as attributed) as actual;

select 'G' as test, 'revenue parity in cents: files = ledger = credit' as name, (select cast(cast(sum(revenue) * 100 as bigint) as varchar) || ', 0' from silver.orders) as expected, (select cast(cast(max(shared) * 100 as bigint) as varchar) from (select sum(credit) as shared from gold.attribution group by model, reading having sum(credit) <> (select sum(revenue) from silver.orders) union all select sum(revenue) from silver.orders) as credits) || ', ' || (select cast(cast(amount * 100 as bigint) as varchar) from gold.ledger where line = 'difference') as actual;

select 'H' as test, 'no session ends before it starts' as name, '0' as expected, (select cast(count(*) as varchar) from silver.sessions where ended_at < started_at) as actual;

select 'I' as test, 'no silver session without a client' as name, '0' as expected, (select cast(count(*) as varchar) from silver.sessions where client_id is null) as actual;

select 'I2' as test, 'placeholders are not ids' as name, '2 events' as expected, (select cast(count(*) as varchar) || ' events' from silver.events where client_id is null and click_id = 'gclid') as actual;

select 'J' as test, 'a renamed id is healed; as tracked the order has none' as name, 'Organic Social; no id' as expected, (select max(channel) from gold.attribution where transaction_id = 'J-1' and model = 'first_click' and reading = 'healed') || '; ' || (select max(reason) from gold.unattributed where transaction_id = 'J-1' and reading = 'as_tracked') as actual;

select 'K' as test, 'the same id from the same checkout is a resubmission' as name, '1 of 2' as expected, (select cast(count(case when status = 'counted' then 1 end) as varchar) || ' of ' || cast(count(*) as varchar) from silver.received_orders where transaction_id = 'K-1') as actual;

select 'K2' as test, 'an amended order counts its last amount at its first time' as name, '8:0 32000 cents, 1 again' as expected, (select cast(extract(hour from ordered_at) as varchar) || ':' || cast(extract(minute from ordered_at) as varchar) || ' ' || cast(cast(revenue * 100 as bigint) as varchar) || ' cents, ' || cast(resubmissions_of_id as varchar) || ' again' from silver.orders where transaction_id = 'K-2') as actual;

select 'K3' as test, 'amendments on the ledger: the amounts that were superseded' as name, '-2 orders, -64000 cents' as expected, (select cast(orders as varchar) || ' orders, ' || cast(cast(amount * 100 as bigint) as varchar) || ' cents' from gold.ledger where line = 'amendments') as actual;

select 'L' as test, 'without a checkout, the same customer is the same order' as name, '2 of 3' as expected, (select cast(count(case when status = 'counted' then 1 end) as varchar) || ' of ' || cast(count(*) as varchar) from silver.received_orders where transaction_id = 'L-1') as actual;

select 'L2' as test, 'without a customer, the same client is the same order' as name, '2 of 3' as expected, (select cast(count(case when status = 'counted' then 1 end) as varchar) || ' of ' || cast(count(*) as varchar) from silver.received_orders where transaction_id = 'L-2') as actual;

select 'L3' as test, 'with nothing to compare, the id alone decides' as name, '1 of 2' as expected, (select cast(count(case when status = 'counted' then 1 end) as varchar) || ' of ' || cast(count(*) as varchar) from silver.received_orders where transaction_id = 'L-3') as actual;

select 'M' as test, 'another customer''s order under the same id is a collision' as name, '2 counted, 1 collides' as expected, (select cast(count(*) as varchar) || ' counted, ' || cast(count(case when is_collision then 1 end) as varchar) || ' collides' from silver.orders where transaction_id = 'M-1') as actual;

select 'M2' as test, 'so is another checkout of the same customer' as name, '2 counted, 1 collides' as expected, (select cast(count(*) as varchar) || ' counted, ' || cast(count(case when is_collision then 1 end) as varchar) || ' collides' from silver.orders where transaction_id = 'M-2') as actual;

select 'M3' as test, 'a collision after more than 30 days is a reused id' as name, '1' as expected, (select cast(count(*) as varchar) from silver.received_orders where is_reused_id) as actual;

select 'M4' as test, 'one purchase under two ids counts twice and is on the ledger' as name, '1 order, 43000 cents' as expected, (select cast(orders as varchar) || ' order, ' || cast(cast(amount * 100 as bigint) as varchar) || ' cents' from gold.ledger where line = 'of counted: possible duplicates') as actual;

select 'M6' as test, 'a session converts when it has a counted order' as name, 'K-1 1, N-3 0' as expected, (select 'K-1 ' || cast(max(case when client_id = 'k1' then orders end) as varchar) || ', N-3 ' || cast(max(case when client_id = 'n3' then orders end) as varchar) from silver.sessions where reading = 'healed') as actual;

select 'N1' as test, 'no transaction id: quarantined' as name, '-1 order, -50000 cents' as expected, (select cast(orders as varchar) || ' order, ' || cast(cast(amount * 100 as bigint) as varchar) || ' cents' from gold.ledger where line = 'quarantined: no transaction id') as actual;

select 'N2' as test, 'no readable amount: quarantined' as name, '-1 order, 0 cents' as expected, (select cast(orders as varchar) || ' order, ' || cast(cast(amount * 100 as bigint) as varchar) || ' cents' from gold.ledger where line = 'quarantined: no readable amount') as actual;

select 'N3' as test, 'a negative amount is not counted' as name, '-1 order, 2000 cents' as expected, (select cast(orders as varchar) || ' order, ' || cast(cast(amount * 100 as bigint) as varchar) || ' cents' from gold.ledger where line = 'negative') as actual;

select 'O' as test, 'an exact repeat is dropped and on the ledger' as name, '-1 order, -60000 cents' as expected, (select cast(orders as varchar) || ' order, ' || cast(cast(amount * 100 as bigint) as varchar) || ' cents' from gold.ledger where line = 'exact repeats') as actual;

select 'P1' as test, 'a time in another form, or an impossible date, is refused' as name, '2' as expected, (select cast(count(*) as varchar) from silver.rejected_events where reason = 'no readable time') as actual;

select 'P2' as test, 'a time without T and Z is UTC' as name, '8' as expected, (select cast(extract(hour from max(event_at)) as varchar) from silver.events where client_id = 'p3') as actual;

select 'P3' as test, 'orders refused for their time are on the ledger' as name, '-1 order, -70000 cents' as expected, (select cast(orders as varchar) || ' order, ' || cast(cast(amount * 100 as bigint) as varchar) || ' cents' from gold.ledger where line = 'rejected: no readable time') as actual;

select 'P4' as test, 'a time with an offset is converted to UTC' as name, '6' as expected, (select cast(extract(hour from max(event_at)) as varchar) from silver.events where client_id = 'p4') as actual;

select 'Q' as test, 'an event without a name is refused' as name, '1' as expected, (select cast(count(*) as varchar) from silver.rejected_events where reason = 'no event name') as actual;

select 'R' as test, 'a session across midnight is one session' as name, '1' as expected, (select cast(count(*) as varchar) from silver.sessions where client_id = 'r1' and reading = 'healed') as actual;

select 'S' as test, 'a crawler has no session; its order counts' as name, '0 sessions, 1 order' as expected, (select cast(count(*) as varchar) from silver.sessions where client_id = 's1') || ' sessions, ' || (select cast(count(*) as varchar) from silver.orders where client_id = 's1') || ' order' as actual;

select 'T1' as test, 'linear credit of 10000 cents over three touches' as name, '3333, 3333, 3334' as expected, (select max(case when position = 1 then cast(cast(credit * 100 as bigint) as varchar) end) || ', ' || max(case when position = 2 then cast(cast(credit * 100 as bigint) as varchar) end) || ', ' || max(case when position = 3 then cast(cast(credit * 100 as bigint) as varchar) end) from gold.attribution where transaction_id = 'T-1' and model = 'linear' and reading = 'healed') as actual;

select 'T2' as test, 'position-based: 40, 20, 40 percent' as name, '4000, 2000, 4000' as expected, (select max(case when position = 1 then cast(cast(credit * 100 as bigint) as varchar) end) || ', ' || max(case when position = 2 then cast(cast(credit * 100 as bigint) as varchar) end) || ', ' || max(case when position = 3 then cast(cast(credit * 100 as bigint) as varchar) end) from gold.attribution where transaction_id = 'T-1' and model = 'position_based' and reading = 'healed') as actual;

select 'T3' as test, 'time decay: 2^(-7/7), 2^(-5/7), 2^(-1/7)' as name, '2481, 3024, 4495' as expected, (select max(case when position = 1 then cast(cast(credit * 100 as bigint) as varchar) end) || ', ' || max(case when position = 2 then cast(cast(credit * 100 as bigint) as varchar) end) || ', ' || max(case when position = 3 then cast(cast(credit * 100 as bigint) as varchar) end) from gold.attribution where transaction_id = 'T-1' and model = 'time_decay' and reading = 'healed') as actual;

select 'T4' as test, 'the lines of an order, one without a price' as name, '3 lines, 10000 cents' as expected, (select cast(count(*) as varchar) || ' lines, ' || cast(cast(sum(amount) * 100 as bigint) as varchar) || ' cents' from silver.order_items where order_id in (select order_id from silver.orders where transaction_id = 'T-1')) as actual;

select 'U' as test, 'last click is direct, last non-direct is SMS' as name, 'Direct, SMS' as expected, (select max(case when model = 'last_click' then channel end) || ', ' || max(case when model = 'last_non_direct' then channel end) from gold.attribution where transaction_id = 'U-1' and reading = 'healed') as actual;

select 'V' as test, 'a touch after the order gets no credit' as name, 'Unattributed' as expected, (select max(channel) from gold.attribution where transaction_id = 'V-1' and model = 'last_click' and reading = 'healed') as actual;

select 'V2' as test, 'at the same time, a page view comes before an order' as name, 'page_view, SMS' as expected, (select max(first_event) || ', ' || max(first_channel) from silver.sessions where client_id = 'v2' and reading = 'healed') as actual;

select 'W' as test, 'two devices of one customer, stitched' as name, 'Unattributed, Email' as expected, (select max(case when reading = 'healed' then channel end) || ', ' || max(case when reading = 'stitched' then channel end) from gold.attribution where transaction_id = 'W-1' and model = 'last_click') as actual;

select 'X' as test, 'a hash that six ids share stitches nobody' as name, '0 people' as expected, (select cast(count(*) as varchar) || ' people' from silver.people where client_id like 'x%') as actual;

select 'X2' as test, 'a device of six customers stitches nobody' as name, '0 people' as expected, (select cast(count(*) as varchar) || ' people' from silver.people where client_id in ('kiosk', 'kiosk2') and person_id <> client_id) as actual;

select 'Y' as test, 'malformed JSON is not a payload' as name, '1 event, no customer' as expected, (select cast(count(*) as varchar) || ' event, ' || coalesce(max(customer), 'no customer') from silver.events where client_id = 'y1') as actual;

select 'Y2' as test, 'an event far from its file''s day belongs to no day' as name, '1 event, 0 days' as expected, (select cast(count(*) as varchar) || ' event, ' || cast(count(day) as varchar) || ' days' from silver.events where client_id = 'y2') as actual;

select
    'Z' as test, 'the channel table: 52 rows, each with its channel' as name, '52 rows, none wrong' as expected,
    cast(count(*) as varchar) || ' rows, ' || coalesce(min(case when events.channel is distinct from expected.channel then expected.client_id || ' is ' || coalesce(events.channel, 'no touch') end), 'none wrong') as actual
from (values
    ('z01', null),
    ('z02', 'Cross-network'),
    ('z03', 'Paid Shopping'),
    ('z04', 'Paid Shopping'),
    ('z05', 'Paid Search'),
    ('z06', 'Paid Search'),
    ('z07', 'Paid Social'),
    ('z08', 'Paid Video'),
    ('z09', 'Display'),
    ('z10', 'Paid Other'),
    ('z11', 'Organic Shopping'),
    ('z12', 'Organic Social'),
    ('z13', 'Organic Social'),
    ('z14', 'Organic Video'),
    ('z15', 'AI Assistant'),
    ('z16', 'AI Assistant'),
    ('z17', 'Organic Search'),
    ('z18', 'Organic Search'),
    ('z19', 'Organic Social'),
    ('z20', 'Referral'),
    ('z21', 'Referral'),
    ('z22', 'Email'),
    ('z23', 'Affiliates'),
    ('z24', 'Audio'),
    ('z25', 'SMS'),
    ('z26', 'Mobile Push Notifications'),
    ('z27', 'Mobile Push Notifications'),
    ('z28', 'Unassigned'),
    ('z29', 'Paid Social'),
    ('z30', 'Affiliates'),
    ('z31', 'Paid Search'),
    ('z32', 'Organic Search'),
    ('z33', 'Organic Social'),
    ('z34', 'Email'),
    ('z35', 'Paid Search'),
    ('z36', 'Affiliates'),
    ('z37', 'Organic Search'),
    ('z38', 'Organic Search'),
    ('z39', null),
    ('z40', null),
    ('z41', null),
    ('z42', null),
    ('z43', 'Organic Search'),
    ('z44', 'Referral'),
    ('z45', 'Email'),
    ('z46', 'Organic Social'),
    ('z47', 'Organic Search'),
    ('z48', 'Paid Social'),
    ('z49', 'Organic Social'),
    ('z50', null),
    ('z51', 'Paid Shopping'),
    ('z52', null)
) as expected (client_id, channel)
inner join silver.events as events on expected.client_id = events.client_id;
