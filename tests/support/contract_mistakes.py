"""A small contract, and the mistakes that may be made in it, each with the key and the code of its error.

A mistake puts `new` in place of `old`; « stands on the line that is at fault.
"""

import re

# fmt: off
SMALL = """\
apiVersion: v3.2.0
kind: DataContract
id: shop
version: 1.0.0
schema:
  - name: hits
    physicalName: hits-%Y-%m-%d.csv
    properties:
      - name: visitor
      - name: url
      - name: ts
      - name: "the 'event' \\" ü"
      - name: props
    quality:
      - type: custom
        engine: validate_dataframework
        implementation: event_fired_twice
customProperties:
  - property: columnRoles
    value:
      client: visitor
      page: url
      time: ts
      event: "the 'event' \\" ü"
      payload: props
  - property: events
    value:
      - name: buy
        role: order
        payload:
          - name: id
          - name: sum
          - name: lines
            logicalType: array
            items:
              properties:
                - name: price
  - property: order
    value:
      transactionId: id
      amount: sum
"""

FIRST = "      - name: visitor\n"
COLUMN = FIRST + "        "
INVALID = COLUMN + "quality:\n          - metric: invalidValues\n            mustBe: 0\n            "
CHECK = "        implementation: event_fired_twice\n"
BOUND = "        implementation:\n          check: event_fired_twice\n"
ROLES = "      client: visitor\n"
PAYLOAD = "      payload: props\n"
KEY = "          - name: id\n"
ORDER = "      amount: sum\n"


def between(start: str, end: str) -> str:
    """Return what stands in SMALL from one text to another."""
    return SMALL[SMALL.index(start) : SMALL.index(end)]


COLUMNS = between("  - name: hits", "    quality:")
ALL_ROLES = between("  - property: columnRoles", "  - property: events")
EVENT = between('      - name: "the', "        role: order")
ROLE = between("        role: order", ORDER)

QUALITY = between("    quality:", "customProperties:")
ORDER_LIST = """\
  - name: orders
    physicalName: orders.csv
    properties: [{name: number}, {name: day}]
    customProperties:
      - property: orderList
        value:
"""

_SHORT = {  # what a key may begin with
    "@option": "schema.hits.properties.visitor.logicalTypeOptions",
    "@column": "schema.hits.properties.visitor",
    "@rule": "schema.hits.quality.event_fired_twice",
    "@set": "customProperties",
}


def full_key(key: str) -> str:
    """Return a key of the table as the error has it."""
    start = re.match("@?[a-z]*", key)[0]  # type: ignore[index]
    return _SHORT.get(start, start) + key.removeprefix(start)

def _order_list(block: str, key: str, *problem: str, roles: str = "") -> tuple[str, ...]:
    """Return a mistake in the block of a second object, an order list with the columns `number` and `day`."""
    block = f"          columnRoles: {{order_id: number, created_at: day{roles}}}\n{block}"
    return (QUALITY, QUALITY + ORDER_LIST + block, f"schema.orders.customProperties.orderList.value{key}", *problem)


MISTAKES: list[tuple[str, ...]] = [  # old, new, key, code, and what the sentence suggests
    ('version: 1.0.0\n', 'version: 1.0.0\n«verison: 2\n', "", "unknown_key", "version"),
    (FIRST, COLUMN + '«requred: true\n', "@column", "unknown_key", "required"),
    (FIRST, COLUMN + 'quality:\n          - «metrics: nullValues\n', "@column.quality[0]", "unknown_key", "metric"),
    (FIRST, COLUMN + 'synonyms: [{«synonim: a}]\n', "@column.synonyms[0]", "unknown_key", "synonym"),
    (FIRST, COLUMN + 'enum: [{«val: a}]\n', "@column.enum[0]", "unknown_key", "value"),
    (FIRST, COLUMN + 'logicalTypeOptions: {«patern: a}\n', "@option", "unknown_key", "pattern"),
    (FIRST, COLUMN + 'logicalType: integer\n        logicalTypeOptions: {«pattern: a}\n', "@option", "unknown_key"),
    (FIRST, COLUMN + '«zzzzzz: 1\n', "@column", "unknown_key"),
    ('    physicalName:', '    «physcialName:', "schema.hits", "unknown_key", "physicalName"),
    (ROLES, '      «clint: visitor\n', "@set.columnRoles.value", "unknown_key", "client"),
    (KEY, KEY + '            «requird: true\n', "@set.events.value.buy.payload.id", "unknown_key", "required"),
    (ORDER, ORDER + '      «checkoutTokn: a\n', "@set.order.value", "unknown_key", "checkoutToken"),
    ('  - property: order\n', '  - «property: ordr\n', "@set.ordr", "unknown_key", "order"),
    ('  - property: order\n', '  - «property: "a\\u2028b"\n', "@set.a?b", "unknown_key"),
    (PAYLOAD, PAYLOAD + '      «zzzz: x\n', "@set.columnRoles.value", "unknown_key"),
    ('id: shop\n', '«id: 12\n', "id", "wrong_type"),
    ('version: 1.0.0\n', '«version: 1.0\n', "version", "wrong_type"),
    (FIRST, COLUMN + '«synonyms: clientId\n', "@column.synonyms", "wrong_type"),
    (FIRST, COLUMN + 'synonyms: [«clientId]\n', "@column.synonyms[0]", "wrong_type"),
    (FIRST, COLUMN + '«required: maybe\n', "@column.required", "wrong_type"),
    (FIRST, COLUMN + 'logicalTypeOptions: {«maxLength: 1.5}\n', "@option.maxLength", "wrong_type"),
    (FIRST, COLUMN + 'logicalType: number\n        logicalTypeOptions: {«minimum: .inf}\n',
     "@option.minimum", "invalid_value"),
    (FIRST, COLUMN + '«quality: {metric: nullValues}\n', "@column.quality", "wrong_type"),
    (FIRST, COLUMN + 'enum: [«a]\n', "@column.enum[0]", "wrong_type"),
    ('schema:\n', 'tags: «[1]\nschema:\n', "tags[0]", "wrong_type"),
    ('schema:\n', '«description: text\nschema:\n', "description", "wrong_type"),
    ('schema:\n', '«team: text\nschema:\n', "team", "wrong_type"),
    ('schema:\n', '«tags: {a: b}\nschema:\n', "tags", "wrong_type"),
    ('apiVersion: v3.2.0\nkind: DataContract\n', '«apiVersion: v3.2.0\n', "", "missing_key"),
    (FIRST, '      - «description: no name\n', "schema.hits.properties[0]", "missing_key"),
    ('  - name: hits\n    physicalName: hits-%Y-%m-%d.csv\n', '  - «name: hits\n', "schema.hits", "missing_key"),
    ('    value:\n      client: visitor\n', '    «value:\n', "@set.columnRoles.value", "missing_key"),
    ('      - type: custom\n        engine: validate_dataframework\n        implementation: event_fired_twice\n',
     '      - «type: custom\n        engine: validate_dataframework\n',
     "schema.hits.quality[0]", "missing_key"),
    ('      - type: custom\n        engine: validate_dataframework\n', '      - «type: custom\n',
     "@rule", "missing_key"),
    (FIRST, COLUMN + 'quality:\n          - «severity: P1\n', "@column.quality[0]", "missing_key"),
    (FIRST, COLUMN + 'quality:\n          - «metric: nullValues\n', "@column.quality.nullValues", "bound"),
    ('kind: DataContract', '«kind: DataProduct', "kind", "unknown_value", "DataContract"),
    ('apiVersion: v3.2.0', '«apiVersion: v4.0.0', "apiVersion", "unknown_value", "v3.0.0"),
    (CHECK, CHECK + '        «severity: P5\n', "@rule.severity", "unknown_value"),
    (CHECK, CHECK + '        «severity: [P1]\n', "@rule.severity", "wrong_type"),
    (CHECK, CHECK + '        «dimension: completness\n', "@rule.dimension", "unknown_value", "completeness"),
    (CHECK, CHECK + '        «unit: percents\n', "@rule.unit", "unknown_value", "percent"),
    (CHECK, CHECK + '        «metric: nulValues\n',
     "schema.hits.quality.nulValues.metric", "unknown_value", "nullValues"),
    (FIRST, COLUMN + '«logicalType: text\n', "@column.logicalType", "unknown_value"),
    ('        role: order\n', '        «role: buyer\n', "@set.events.value.buy.role", "unknown_value"),
    (ORDER, ORDER + '      «lineAmountIs: piece\n', "@set.order.value.lineAmountIs", "unknown_value"),
    (ORDER, ORDER + '      «duplicates: all\n', "@set.order.value.duplicates", "unknown_value"),
    (PAYLOAD, PAYLOAD + '  - property: additionalColumns\n    «value: reprot\n',
     "@set.additionalColumns.value", "unknown_value", "report"),
    ('implementation: event_fired_twice', '«implementation: event_fired_twise',
     "schema.hits.quality.event_fired_twise.implementation", "unknown_value", "event_fired_twice"),
    ('engine: validate_dataframework', '«engine: validate_dataframe',
     "@rule.engine", "unknown_value", "validate_dataframework"),
    (CHECK, BOUND + '          «arguments: {a: 1}\n', "@rule.implementation", "unknown_key"),
    (KEY, KEY + '            «quality: [{metric: nullValues, mustBe: 0}]\n',
     "@set.events.value.buy.payload.id.quality", "misplaced_key"),
    (FIRST, INVALID + '«arguments: {validValue: [a]}\n',
     "@column.quality.invalidValues.arguments", "unknown_key", "validValues"),
    (FIRST, INVALID + 'arguments: {«validValues: a}\n',
     "@column.quality.invalidValues.arguments.validValues", "wrong_type"),
    (FIRST, INVALID + 'arguments: {validValues: [a, «a]}\n',
     "@column.quality.invalidValues.arguments.validValues[1]", "duplicate"),
    (FIRST, INVALID + 'arguments: {«pattern: (}\n', "@column.quality.invalidValues.arguments.pattern", "pattern"),
    (FIRST, INVALID + 'arguments: {«pattern: a}\n        logicalTypeOptions: {pattern: b}\n',
     "@column.quality.invalidValues.arguments.pattern", "duplicate"),
    (FIRST, INVALID + 'arguments: {«validValues: [a]}\n        enum: [{value: b}]\n',
     "@column.quality.invalidValues.arguments.validValues", "duplicate"),
    (FIRST, INVALID + 'arguments: {«missingValues: [a]}\n',
     "@column.quality.invalidValues.arguments.missingValues", "misplaced_key"),
    (FIRST, INVALID.replace('invalid', 'missing') + 'arguments: {missingValues: [null, «n/a]}\n',
     "@column.quality.missingValues.arguments.missingValues[1]", "invalid_value"),
    (CHECK, '        «implementation: {check: event_fired_twice, mustBe: 0, mustBeLessThan: 2}\n',
     "@rule.implementation", "bound"),
    (CHECK, CHECK + '        «mustBe: 0\n', "@rule.mustBe", "misplaced_key"),
    (CHECK, CHECK + '        «arguments: {a: 1}\n', "@rule.arguments", "misplaced_key"),
    (CHECK, '        «implementation: {mustBe: 0}\n', "schema.hits.quality[0].implementation", "missing_key"),
    (CHECK, '        implementation: {check: event_fired_twice, «mustBeLes: 0}\n',
     "@rule.implementation", "unknown_key", "mustBe"),
    (CHECK, '        implementation: {«check: event_fired_twise, mustBe: 0}\n',
     "schema.hits.quality.event_fired_twise.implementation.check", "unknown_value", "event_fired_twice"),
    (CHECK, '        «implementation: [event_fired_twice]\n', "schema.hits.quality[0].implementation", "wrong_type"),
    (CHECK, BOUND + '          «mustBeLessThan: 0\n', "@rule.implementation.mustBeLessThan", "invalid_value"),
    (CHECK, BOUND + '          «mustBe: -1\n', "@rule.implementation.mustBe", "invalid_value"),
    (CHECK, BOUND + '          «mustBe: many\n', "@rule.implementation.mustBe", "wrong_type"),
    (CHECK, BOUND + '          «mustBeLessThan: 0.02\n', "@rule.implementation.mustBeLessThan", "invalid_value"),
    (CHECK, BOUND + '          «mustBeLessThan: 120\n          unit: percent\n',
     "@rule.implementation.mustBeLessThan", "invalid_value"),
    (CHECK, BOUND + '          «mustBeBetween: [5, 1]\n', "@rule.implementation.mustBeBetween", "invalid_value"),
    (CHECK, BOUND + '          «mustNotBe: 3\n', "@rule.implementation.mustNotBe", "invalid_value"),
    (CHECK,
     CHECK + '      - «type: custom\n'
     + '        engine: validate_dataframework\n        implementation: event_fired_twice\n',
     "@rule", "duplicate"),
    (FIRST, COLUMN + 'logicalTypeOptions: {«minLength: 5, maxLength: 2}\n', "@option.minLength", "invalid_value"),
    (FIRST, COLUMN + 'logicalType: number\n        «logicalTypeOptions: {exclusiveMinimum: 5, maximum: 5}\n',
     "@option", "invalid_value"),
    (FIRST, COLUMN + 'enum: [{value: a}, {«value: a}]\n', "@column.enum", "invalid_value"),
    (FIRST, FIRST + '      - «name: visitor\n', "@column", "duplicate"),
    (FIRST, FIRST + '      - «name: VISITOR\n', "schema.hits.properties.VISITOR", "duplicate"),
    (FIRST + '      - name: url\n', COLUMN + 'synonyms: [{synonym: url}]\n      - «name: url\n',
     "schema.hits.properties.url", "duplicate"),
    ('      - name: url\n', '      - name: url\n        synonyms:\n          - «synonym: visitor\n',
     "schema.hits.properties.url.synonyms.visitor.synonym", "duplicate"),
    (FIRST, FIRST + '      - «name: "a\\nb"\n', "schema.hits.properties.a?b", "invalid_value"),
    (FIRST, FIRST + '      - «name: ""\n', "schema.hits.properties[1]", "invalid_value"),
    (FIRST, COLUMN + 'synonyms:\n          - «synonym: "\\0"\n', "@column.synonyms.?.synonym", "invalid_value"),
    (ROLES, '      «client: vistor\n', "@set.columnRoles.value.client", "reference", "visitor"),
    (ROLES + '      page: url\n', '      client: url\n      «page: url\n', "@set.columnRoles.value.page", "duplicate"),
    (PAYLOAD, PAYLOAD + '  - property: ownHosts\n    value: [a.example, «https://b.example/]\n',
     "@set.ownHosts.value[1]", "invalid_value"),
    (PAYLOAD, PAYLOAD + '  - property: ownHosts\n    value: [«5]\n', "@set.ownHosts.value[0]", "wrong_type"),
    (PAYLOAD, PAYLOAD + '  - property: ownHosts\n    «value: a.example\n', "@set.ownHosts.value", "wrong_type"),
    *[(PAYLOAD, PAYLOAD + f'  - property: delimiter\n    «value: "{text}"\n', "@set.delimiter.value", "invalid_value")
      for text in (';;', 'x', '7', 'é', "'")],
    ('hits-%Y-%m-%d.csv', '«hits-%Y-%m.csv', "schema.hits.physicalName", "invalid_value"),
    ('hits-%Y-%m-%d.csv', '«hits-%Y-%m.csv', "schema.hits.physicalName", "invalid_value"),
    ('hits-%Y-%m-%d.csv', '«../%Y%m%d.csv', "schema.hits.physicalName", "invalid_value"),
    ('hits-%Y-%m-%d.csv', "«'%Y%m%d-%Q.csv'", "schema.hits.physicalName", "invalid_value"),
    (FIRST, COLUMN + 'logicalTypeOptions: {«pattern: "(a"}\n', "@option.pattern", "pattern"),
    (FIRST, COLUMN + 'logicalTypeOptions: {«pattern: a(?=b)}\n', "@option.pattern", "pattern"),
    (FIRST, COLUMN + "logicalTypeOptions: {«pattern: '(?<!a)b'}\n", "@option.pattern", "pattern"),
    (FIRST, COLUMN + "logicalTypeOptions: {«pattern: '(a)\\1'}\n", "@option.pattern", "pattern"),
    (FIRST, COLUMN + "logicalTypeOptions: {«pattern: '(?P<x>a)(?P=x)'}\n", "@option.pattern", "pattern"),
    (FIRST, COLUMN + "logicalTypeOptions: {«pattern: 'a++'}\n", "@option.pattern", "pattern"),
    (FIRST, COLUMN + "logicalTypeOptions: {«pattern: 'a{1,2000}'}\n", "@option.pattern", "pattern"),
    (FIRST, COLUMN + "logicalTypeOptions: {«pattern: 'a\\Z'}\n", "@option.pattern", "pattern"),
    (FIRST, COLUMN + "logicalTypeOptions: {«pattern: '[\\u00e4]'}\n", "@option.pattern", "pattern"),
    (FIRST, COLUMN + "logicalTypeOptions: {«pattern: '[[a]]'}\n", "@option.pattern", "pattern"),
    (ORDER, ORDER + '      «checkoutToken: /checkout/.*\n', "@set.order.value.checkoutToken", "pattern"),
    (ORDER, ORDER + '      «checkoutToken: (a)(b)\n', "@set.order.value.checkoutToken", "pattern"),
    (PAYLOAD, PAYLOAD + "  - property: anonymisation\n    value: {«queryValue: '['}\n",
     "@set.anonymisation.value.queryValue", "pattern"),
    (PAYLOAD, PAYLOAD + '  - property: anonymisation\n    «value: {plainHosts: [a.example]}\n',
     "@set.anonymisation.value", "missing_key"),
    ('      - name: buy\n', '      - name: sell\n        role: order\n      - «name: buy\n',
     "@set.events.value.buy", "duplicate"),
    ('      - name: buy\n', '      - {name: buy}\n      - «name: buy\n', "@set.events.value.buy", "duplicate"),
    (KEY, KEY + '          - «name: id\n', "@set.events.value.buy.payload.id", "duplicate"),
    (KEY, KEY + '          - «name: a.b\n', "@set.events.value.buy.payload.a.b", "invalid_value"),
    (ORDER, '      «amount: summ\n', "@set.order.value.amount", "reference", "sum"),
    (ORDER, ORDER + '      lines: lines\n      «lineAmount: sum\n', "@set.order.value.lineAmount", "reference"),
    (ORDER, ORDER + '      «lineAmount: lines[].price\n', "@set.order.value.lineAmount", "reference"),
    ('  - property: events\n',
     '  - property: delimiter\n    value: ";"\n'
     + '  - «property: delimiter\n    value: ","\n  - property: events\n',
     "@set.delimiter", "duplicate"),
    ('schema:\n', '«schema:\n  - {name: other, properties: [{name: a}]}\n', "schema", "invalid_value"),
    ('schema:\n', 'slaProperties: [{property: latency, «value: 1.0e+300, unit: d}]\nschema:\n',
     "slaProperties.latency", "invalid_value"),
    (FIRST, FIRST + '     «- name: x\n', "", "yaml"),
    ('amount: sum\n', 'amount: sum\nname: "x\n«', "", "yaml"),
    (FIRST, COLUMN + '«name: other\n', "@column", "duplicate"),
    (FIRST, COLUMN + 'description: «&a text\n', "", "yaml"),
    (FIRST, COLUMN + 'description: «*a\n', "", "yaml"),
    (FIRST, COLUMN + 'description: «!!python/object/apply:os.system [ls]\n', "@column.description", "yaml"),
    (FIRST, COLUMN + 'required: «!!bool perhaps\n', "@column.required", "invalid_value"),
    (FIRST, COLUMN + 'primaryKeyPosition: «0b_\n', "@column.primaryKeyPosition", "invalid_value"),
    (FIRST, COLUMN + '«[a, b]: c\n', "@column", "yaml"),
    (FIRST, COLUMN + 'description: «[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\n', "", "yaml"),
    (FIRST, COLUMN + '«description: \x07\n', "", "yaml"),
    (ORDER, ORDER + '«---\na: b\n', "", "yaml"),
    (FIRST, COLUMN + '«<<: {a: b}\n', "@column", "unknown_key"),
    (COLUMNS, COLUMNS[: COLUMNS.index('    properties')].replace('name', '«name') + '    properties: []\n',
     "schema.hits", "missing_key"),
    (SMALL, '«' + SMALL.replace(ALL_ROLES, ''), "", "missing_key"),
    (ROLE, ROLE.replace('role: order', 'role: cart').replace('order\n    value', 'order\n    «value'),
     "@set.order.value", "reference"),
    (EVENT, EVENT.replace('\n', '\n        enum: [{value: sell}]\n', 1).replace('name: buy', '«name: buy'),
     "@set.events.value.buy", "reference"),
    (ALL_ROLES, ALL_ROLES.replace(PAYLOAD, '').replace('value', '«value'), "@set.columnRoles.value", "missing_key"),
    (PAYLOAD, PAYLOAD + '  - property: ignoreFiles\n    «value: a.csv\n', "@set.ignoreFiles.value", "wrong_type"),
    (PAYLOAD, PAYLOAD + '  - property: transformation\n    value: {«mostRefusedPercent: 101}\n',
     "@set.transformation.value.mostRefusedPercent", "invalid_value"),
    (PAYLOAD, PAYLOAD + '  - property: transformation\n    value: {«windowDays: 0}\n',
     "@set.transformation.value.windowDays", "invalid_value"),
    (PAYLOAD, PAYLOAD + '  - property: transformation\n    value: {«windowDay: 7}\n',
     "@set.transformation.value", "unknown_key", "windowDays"),
    *[(PAYLOAD, PAYLOAD + f'  - property: currency\n    «value: {text}\n', "@set.currency.value", "invalid_value")
      for text in ('euros', '<b>')],
    (ORDER, ORDER + '      «customer: a"b\n', "@set.order.value.customer", "invalid_value"),
    *[('      - name: ts\n', '      - name: ts\n        logicalType: timestamp\n'
       + f'        logicalTypeOptions: {{«defaultTimezone: "{text}"}}\n',
       "schema.hits.properties.ts.logicalTypeOptions.defaultTimezone", "invalid_value")
      for text in ("Europe/Berlinn", "'; drop table files; --")],
    ('schema:\n', 'slaProperties: [{«property: latency, value: 6}]\nschema:\n',
     "slaProperties.latency", "invalid_value"),
    # where roles are
    *[(ROLES, f'      client: {{{role}}}\n'.replace('<', '«'), f"@set.columnRoles.value.client{below}", code, *meant)
      for role, below, code, *meant in (
          ("<constant: a, column: visitor", "", "missing_key"), ("<path: [a]", "", "missing_key"),
          ("constant: a, <path: [b]", ".path", "misplaced_key"), ("<column: vistor", ".column", "reference", "visitor"),
          ("column: visitor, <format: epoch_s", ".format", "misplaced_key"),
          ("column: visitor, path: [<'a*']", ".path[0]", "invalid_value"),
          ("column: visitor, path: [<-1]", ".path[0]", "invalid_value"),
          ("column: visitor, <decimal: ','", ".decimal", "misplaced_key"),
          ("column: visitor, path: [a], <parameter: b", ".path", "duplicate"),
          ("<product: [visitor]", ".product", "invalid_value"), ("<cloumn: visitor", "", "unknown_key", "column"),
      )],
    *[('      time: ts\n', f'      time: {{column: ts, «format: "{text}"}}\n',
       "@set.columnRoles.value.time.format", "invalid_value")
      for text in ("epoch", "yyyy", "QQ.MM.yyyy", "dd.MM.yyyy 'at")],
    (SMALL, SMALL.replace(ORDER, '').replace(
        ROLES, ROLES + "      amount: {column: props, «decimal: '.', thousands: '.'}\n"),
     "@set.columnRoles.value.amount", "invalid_value"),
    (SMALL, SMALL.replace(ROLES, ROLES + "      amount: {column: props, path: [sum]}\n").replace(ORDER, '«' + ORDER),
     "@set.order.value.amount", "duplicate"),
    (ORDER, ORDER + '      «key: [client]\n', "@set.order.value.key", "misplaced_key"),
    (ORDER, ORDER + '      rows: lines\n      «key: [session]\n', "@set.order.value.key", "reference"),
    *[(PAYLOAD, PAYLOAD + f'  - property: {name}\n    value: {value}\n', f"@set.{name}.value{below}", code, *meant)
      for name, value, below, code, *meant in (
          ("schedule", "{closedWeekdays: [«Sonntag]}", ".closedWeekdays[0]", "unknown_value"),
          ("schedule", "{closedDates: [«2025-02-30]}", ".closedDates[0]", "invalid_value"),
          ("channels", "{organic: «Organic}", ".organic", "unknown_value", "Organic Video"),
          ("knownTotals", "[{«day: 1 March, orders: 3}]", "[0].day", "invalid_value"),
          ("knownTotals", "[«{day: 2025-03-01}]", "[0]", "missing_key"),
          ("knownTotals", "[{day: 2025-03-01, orders: 3}, «{day: 2025-03-01, orders: 4}]", "[1]", "duplicate"),
          ("currency", "{«code: euro}", ".code", "invalid_value"),
      )],
    (QUALITY, QUALITY + ORDER_LIST + "          «columnRoles: {order_id: number}\n",
     "schema.orders.customProperties.orderList.value.columnRoles", "missing_key"),
    _order_list("", ".columnRoles", "unknown_key", "currency", roles=", «curency: day"),
    _order_list("", ".columnRoles.amount", "reference", roles=", «amount: sum"),
    _order_list("", ".columnRoles.tax.format", "misplaced_key", roles=", tax: {column: number, «format: epoch_s}"),
    _order_list("          «idInTracking: 'ORD-[0-9]+'\n", ".idInTracking", "pattern"),
    _order_list("          «voidStatus: [a]\n", "", "unknown_key", "voidStatuses"),
    _order_list("          «offlineChannels: pos\n", ".offlineChannels", "wrong_type"),
    (QUALITY, QUALITY + ORDER_LIST.replace("orderList", "adSpend") + "          «columnRoles: {date: day}\n",
     "schema.orders.customProperties.adSpend.value.columnRoles", "missing_key"),
    (QUALITY, QUALITY + ORDER_LIST.replace("orderList", "adSpend")
     + "          columnRoles: {date: {column: day, «format: week}, cost: number}\n",
     "schema.orders.customProperties.adSpend.value.columnRoles.date.format", "invalid_value"),
    (QUALITY, QUALITY + ORDER_LIST + "          columnRoles: {order_id: number, created_at: day}\n"
     + ORDER_LIST.replace("- name", "- «name") + "          columnRoles: {order_id: number, created_at: day}\n",
     "schema.orders", "duplicate"),
    (QUALITY, QUALITY + ORDER_LIST + "          columnRoles: {order_id: number, created_at: day}\n"
     + ORDER_LIST.replace("orderList", "adSpend").replace("    physicalName", "    «physicalName")
     + "          columnRoles: {date: day, cost: number}\n", "schema.orders.physicalName", "duplicate"),
    ("schema:\n", "«schema:\n  - {name: others, physicalName: o.csv, properties: [{name: a}]}\n",
     "schema", "invalid_value"),
    ('schema:\n', 'servers: [{«server: a, type: local}]\nschema:\n', "servers[0]", "missing_key"),
]
