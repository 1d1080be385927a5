"""A small contract, and the mistakes that may be made in it, each with the sentence it must give.

A mistake puts `new` in place of `old`; « stands on the line that is at fault.
"""

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
        implementation: some_check
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
CHECK = "        implementation: some_check\n"
BOUND = "        implementation:\n          check: some_check\n"
ROLES = "      client: visitor\n"
PAYLOAD = "      payload: props\n"
KEY = "          - name: id\n"
ORDER = "      amount: sum\n"


def between(start: str, end: str) -> str:
    """What stands in SMALL from one text to another."""
    return SMALL[SMALL.index(start) : SMALL.index(end)]


COLUMNS = between("  - name: hits", "    quality:")
ALL_ROLES = between("  - property: columnRoles", "  - property: events")
EVENT = between('      - name: "the', "        role: order")
ROLE = between("        role: order", ORDER)

_SHORT = {  # what a sentence may begin with
    "@option": "schema.hits.properties.visitor.logicalTypeOptions",
    "@column": "schema.hits.properties.visitor",
    "@rule": "schema.hits.quality.some_check",
    "@set": "customProperties",
}


def spelt_out(sentence: str) -> str:
    """A sentence of the table as a user sees it."""
    for short, path in _SHORT.items():
        if sentence.startswith(short):
            return path + sentence.removeprefix(short)
    return sentence


MISTAKES = [  # old, new, sentence
    ('version: 1.0.0\n', 'version: 1.0.0\n«verison: 2\n', 'unknown key `verison`; did you mean `version`?'),
    (FIRST, COLUMN + '«requred: true\n', '@column: unknown key `requred`; did you mean `required`?'),
    (FIRST, COLUMN + 'quality:\n          - «metrics: nullValues\n',
     '@column.quality[0]: unknown key `metrics`; did you mean `metric`?'),
    (FIRST, COLUMN + 'synonyms: [{«synonim: a}]\n',
     '@column.synonyms[0]: unknown key `synonim`; did you mean `synonym`?'),
    (FIRST, COLUMN + 'enum: [{«val: a}]\n', '@column.enum[0]: unknown key `val`; did you mean `value`?'),
    (FIRST, COLUMN + 'logicalTypeOptions: {«patern: a}\n',
     '@option: unknown key `patern`; did you mean `pattern`?'),
    (FIRST, COLUMN + 'logicalType: integer\n        logicalTypeOptions: {«pattern: a}\n',
     '@option: unknown key `pattern`; it may be `multipleOf`, `minimum`, `maximum`, '
     '`exclusiveMinimum`, `exclusiveMaximum`, `format`'),
    (FIRST, COLUMN + 'logicalType: boolean\n        «logicalTypeOptions: {format: a}\n',
     '@option: a column of type boolean has no options; take them out'),
    (FIRST, COLUMN + '«zzzzzz: 1\n',
     '@column: unknown key `zzzzzz`; take it out, or put it under `customProperties`'),
    ('    physicalName:', '    «physcialName:',
     'schema.hits: unknown key `physcialName`; did you mean `physicalName`?'),
    (ROLES, '      «clint: visitor\n', '@set.columnRoles.value: unknown key `clint`; did you mean `client`?'),
    (KEY, KEY + '            «requird: true\n',
     '@set.events.value.buy.payload.id: unknown key `requird`; did you mean `required`?'),
    (ORDER, ORDER + '      «checkoutTokn: a\n',
     '@set.order.value: unknown key `checkoutTokn`; did you mean `checkoutToken`?'),
    ('  - property: order\n', '  - «property: ordr\n',
     "@set.ordr: unknown property `ordr`; did you mean `order`? (another tool's needs a `vendor`)"),
    ('  - property: order\n', '  - «property: "a\\u2028b"\n',
     "@set.a?b: unknown property `a?b`; it may be `columnRoles`, `events`, `ownHosts`, "
     "`paymentProviders`, `anonymisation`, `order`, `transformation`, `ignoreFiles`, `currency`, "
     "`additionalColumns`, `delimiter` (another tool's needs a `vendor`)"),
    (PAYLOAD, PAYLOAD + '      «user: x\n',
     '@set.columnRoles.value: unknown key `user`; it may be `client`, `page`, `time`, `event`, '
     '`referrer`, `payload`, `user_agent`'),
    ('id: shop\n', '«id: 12\n', 'id: must be text; put it in quotes'),
    ('version: 1.0.0\n', '«version: 1.0\n', 'version: must be text; put it in quotes'),
    (FIRST, COLUMN + '«synonyms: clientId\n',
     '@column.synonyms: must be a list: begin every entry with `- `'),
    (FIRST, COLUMN + 'synonyms: [«clientId]\n',
     '@column.synonyms[0]: must have keys below it, such as `synonym:`'),
    (FIRST, COLUMN + '«required: maybe\n', '@column.required: must be true or false'),
    (FIRST, COLUMN + 'logicalTypeOptions: {«maxLength: 1.5}\n', '@option.maxLength: must be a whole number'),
    (FIRST, COLUMN + 'logicalType: number\n        logicalTypeOptions: {«minimum: .inf}\n',
     '@option.minimum: must be a finite number'),
    (FIRST, COLUMN + '«quality: {metric: nullValues}\n',
     '@column.quality: must be a list: begin every entry with `- `'),
    (FIRST, COLUMN + 'enum: [«a]\n', '@column.enum[0]: must have keys below it, such as `value:`'),
    ('schema:\n', 'tags: «[1]\nschema:\n', 'tags[0]: must be text; put it in quotes'),
    ('schema:\n', '«description: text\nschema:\n', 'description: must have keys below it, such as `usage:`'),
    ('schema:\n', '«team: text\nschema:\n', 'team: must have keys below it, such as `name:`'),
    ('schema:\n', '«tags: {a: b}\nschema:\n', 'tags: must be a list: begin every entry with `- `'),
    ('apiVersion: v3.2.0\nkind: DataContract\n', '«apiVersion: v3.2.0\n', '`kind` is missing; add it'),
    (FIRST, '      - «description: no name\n', 'schema.hits.properties[0]: `name` is missing; add it'),
    ('  - name: hits\n    physicalName: hits-%Y-%m-%d.csv\n', '  - «name: hits\n',
     "schema.hits: `physicalName` is missing; give a day's file name, such as events_%Y%m%d.csv"),
    ('    value:\n      client: visitor\n', '    «value:\n',
     '@set.columnRoles.value: `client` is missing; add it'),
    ('      - type: custom\n        engine: validate_dataframework\n        implementation: some_check\n',
     '      - «type: custom\n        engine: validate_dataframework\n',
     'schema.hits.quality[0]: a custom rule needs `engine` and `implementation`; add them'),
    ('      - type: custom\n        engine: validate_dataframework\n', '      - «type: custom\n',
     '@rule: a custom rule needs `engine` and `implementation`; add them'),
    (FIRST, COLUMN + 'quality:\n          - «severity: P1\n',
     '@column.quality[0]: a library rule needs a `metric`; add one, or say `type: custom`'),
    (FIRST, COLUMN + 'quality:\n          - «metric: nullValues\n',
     '@column.quality.nullValues: has no bound, such as `mustBe: 0`; a rule needs exactly one bound'),
    ('    value:\n      transactionId: id\n      amount: sum\n', '    «value:\n      transactionId: id\n',
     '@set.order.value: `amount` is missing; add it'),
    ('kind: DataContract', '«kind: DataProduct',
     'kind: `DataProduct` is not known here; did you mean `DataContract`?'),
    ('apiVersion: v3.2.0', '«apiVersion: v2.2.2',
     'apiVersion: `v2.2.2` is not known here; did you mean `v3.2.0`?'),
    (CHECK, CHECK + '        «severity: P5\n',
     '@rule.severity: `P5` is not known here; it may be `P0`, `P1`, `P2`, `P3`'),
    (CHECK, CHECK + '        «severity: [P1]\n', '@rule.severity: must be text'),
    (CHECK, CHECK + '        «dimension: completness\n',
     '@rule.dimension: `completness` is not known here; did you mean `completeness`?'),
    (CHECK, CHECK + '        «unit: percents\n',
     '@rule.unit: `percents` is not known here; did you mean `percent`?'),
    (CHECK, CHECK + '        «metric: nulValues\n',
     'schema.hits.quality.nulValues.metric: `nulValues` is not known here; did you mean `nullValues`?'),
    (FIRST, COLUMN + '«logicalType: text\n',
     '@column.logicalType: `text` is not known here; it may be `string`, `integer`, `number`, '
     '`boolean`, `date`, `timestamp`, `time`, `object`, `array`, `map`, `vector`'),
    ('        role: order\n', '        «role: buyer\n',
     '@set.events.value.buy.role: `buyer` is not known here; it may be `page_view`, `signup`, '
     '`cart`, `checkout`, `order`'),
    (ORDER, ORDER + '      «lineAmountIs: piece\n',
     '@set.order.value.lineAmountIs: `piece` is not known here; it may be `line`, `unit`'),
    (ORDER, ORDER + '      «duplicates: all\n',
     '@set.order.value.duplicates: `all` is not known here; it may be `resubmission`, `transaction_id`'),
    (PAYLOAD, PAYLOAD + '  - property: additionalColumns\n    «value: reprot\n',
     '@set.additionalColumns.value: `reprot` is not known here; did you mean `report`?'),
    ('implementation: some_check', '«implementation: some_chek',
     'schema.hits.quality.some_chek.implementation: unknown check `some_chek`; did you mean '
     '`some_check`?'),
    ('engine: validate_dataframework', '«engine: validate_dataframe',
     '@rule.engine: unknown engine `validate_dataframe`; did you mean `validate_dataframework`?'),
    (CHECK, BOUND + '          «arguments: {a: 1}\n',
     '@rule.implementation: unknown key `arguments`; it may be `check`, `unit`, `mustBe`, `mustNotBe`, '
     '`mustBeGreaterThan`, `mustBeGreaterOrEqualTo`, `mustBeLessThan`, `mustBeLessOrEqualTo`, '
     '`mustBeBetween`, `mustNotBeBetween`'),
    (KEY, KEY + '            «quality: [{metric: nullValues, mustBe: 0}]\n',
     '@set.events.value.buy.payload.id.quality: is not run for a payload key; say `required`, `enum` or '
     '`logicalTypeOptions` instead'),
    (FIRST, INVALID + '«arguments: {validValue: [a]}\n',
     '@column.quality.invalidValues.arguments: unknown key `validValue`; did you mean `validValues`?'),
    (FIRST, INVALID + 'arguments: {«validValues: a}\n',
     '@column.quality.invalidValues.arguments.validValues: must be a list: begin every entry with `- `'),
    (FIRST, INVALID + 'arguments: {validValues: [a, «a]}\n',
     '@column.quality.invalidValues.arguments.validValues[1]: the value `a` stands here twice; keep one'),
    (FIRST, INVALID + 'arguments: {«pattern: (}\n',
     '@column.quality.invalidValues.arguments.pattern: `(` is no regular expression (missing ), '
     'unterminated subpattern at position 0); correct it'),
    (FIRST, INVALID + 'arguments: {«pattern: a}\n        logicalTypeOptions: {pattern: b}\n',
     '@column.quality.invalidValues.arguments.pattern: the column has a `pattern` already; keep one'),
    (FIRST, INVALID + 'arguments: {«validValues: [a]}\n        enum: [{value: b}]\n',
     '@column.quality.invalidValues.arguments.validValues: the column has an `enum` already; keep one'),
    (FIRST, INVALID + 'arguments: {«missingValues: [a]}\n',
     "@column.quality.invalidValues.arguments.missingValues: is not run here; `validValues` and `pattern` are, in a "
     "column's invalidValues rule"),
    (FIRST, INVALID.replace('invalid', 'missing') + 'arguments: {missingValues: [null, «n/a]}\n',
     '@column.quality.missingValues.arguments.missingValues[1]: `n/a` is not taken for missing; exclude it by '
     '`pattern` or `enum`'),
    (CHECK, '        «implementation: {check: some_check, mustBe: 0, mustBeLessThan: 2}\n',
     '@rule.implementation: has mustBe and mustBeLessThan; a rule needs exactly one bound'),
    (CHECK, CHECK + '        «mustBe: 0\n',
     "@rule.mustBe: ODCS keeps a custom rule's bound elsewhere; write `implementation: {check: ..., "
     "mustBe: ...}`"),
    (CHECK, CHECK + '        «arguments: {a: 1}\n',
     "@rule.arguments: ODCS keeps a custom rule's bound elsewhere; write `implementation: {check: "
     "..., arguments: ...}`"),
    (CHECK, '        «implementation: {mustBe: 0}\n',
     'schema.hits.quality[0].implementation: `check` is missing; add it'),
    (CHECK, '        implementation: {check: some_check, «mustBeLes: 0}\n',
     '@rule.implementation: unknown key `mustBeLes`; did you mean `mustBe`?'),
    (CHECK, '        implementation: {«check: some_chek, mustBe: 0}\n',
     'schema.hits.quality.some_chek.implementation.check: unknown check `some_chek`; did you mean '
     '`some_check`?'),
    (CHECK, '        «implementation: [some_check]\n', 'schema.hits.quality[0].implementation: must be text'),
    (CHECK, BOUND + '          «mustBeLessThan: 0\n',
     '@rule.implementation.mustBeLessThan: this mustBeLessThan can be neither met nor checked; give '
     'another bound'),
    (CHECK, BOUND + '          «mustBe: -1\n',
     '@rule.implementation.mustBe: -1 is no number of rows; correct it, or the `unit` (rows, percent)'),
    (CHECK, BOUND + '          «mustBe: many\n', '@rule.implementation.mustBe: must be a number'),
    (CHECK, BOUND + '          «mustBeLessThan: 0.02\n',
     '@rule.implementation.mustBeLessThan: 0.02 is no number of rows; correct it, or the `unit` '
     '(rows, percent)'),
    (CHECK, BOUND + '          «mustBeLessThan: 120\n          unit: percent\n',
     '@rule.implementation.mustBeLessThan: 120 is no percentage; correct it, or the `unit` (rows, '
     'percent)'),
    (CHECK, BOUND + '          «mustBeBetween: [5, 1]\n',
     '@rule.implementation.mustBeBetween: this mustBeBetween can be neither met nor checked; give '
     'another bound'),
    (CHECK, BOUND + '          «mustNotBe: 3\n',
     '@rule.implementation.mustNotBe: this mustNotBe can be neither met nor checked; give another '
     'bound'),
    (CHECK,
     CHECK + '      - «type: custom\n'
     + '        engine: validate_dataframework\n        implementation: some_check\n',
     '@rule: there is a rule for some_check here already; keep one'),
    (FIRST, COLUMN + 'logicalTypeOptions: {«minLength: 5, maxLength: 2}\n',
     '@option.minLength: 5 is above maxLength 2; no value is valid'),
    (FIRST, COLUMN + 'logicalType: number\n        «logicalTypeOptions: {exclusiveMinimum: 5, maximum: 5}\n',
     '@option: the minimum is above the maximum; no value could be valid'),
    (FIRST, COLUMN + 'enum: [{value: a}, {«value: a}]\n',
     '@column.enum.a: the value `a` stands here twice; keep one'),
    (FIRST, FIRST + '      - «name: visitor\n',
     '@column: `visitor` is column `visitor` already; take one out'),
    (FIRST, FIRST + '      - «name: VISITOR\n',
     'schema.hits.properties.VISITOR: `VISITOR` is column `visitor` already; take one out'),
    (FIRST + '      - name: url\n', COLUMN + 'synonyms: [{synonym: url}]\n      - «name: url\n',
     'schema.hits.properties.url: `url` is column `visitor` already; take one out'),
    ('      - name: url\n', '      - name: url\n        synonyms:\n          - «synonym: visitor\n',
     'schema.hits.properties.url.synonyms.visitor.synonym: `visitor` is column `visitor` already; '
     'take one out'),
    (FIRST, FIRST + '      - «name: "a\\nb"\n',
     "schema.hits.properties.a?b: a column's name may not be empty or hold line breaks; rename it"),
    (FIRST, FIRST + '      - «name: ""\n',
     "schema.hits.properties[1]: a column's name may not be empty or hold line breaks; rename it"),
    (FIRST, COLUMN + 'synonyms:\n          - «synonym: "\\0"\n',
     "@column.synonyms.?.synonym: a column's name may not be empty or hold line breaks; rename it"),
    (ROLES, '      «client: vistor\n',
     '@set.columnRoles.value.client: there is no column `vistor`; did you mean `visitor`?'),
    (ROLES + '      page: url\n', '      client: url\n      «page: url\n',
     '@set.columnRoles.value.page: the column `url` has a role already; give each its own'),
    (PAYLOAD, PAYLOAD + '  - property: ownHosts\n    value: [a.example, «https://b.example/]\n',
     '@set.ownHosts.value[1]: `https://b.example/` is no host; write it alone, such as shop.example'),
    (PAYLOAD, PAYLOAD + '  - property: ownHosts\n    value: [«5]\n',
     '@set.ownHosts.value[0]: must be text; put it in quotes'),
    (PAYLOAD, PAYLOAD + '  - property: ownHosts\n    «value: a.example\n',
     '@set.ownHosts.value: must be a list: begin every entry with `- `'),
    *[(PAYLOAD, PAYLOAD + f'  - property: delimiter\n    «value: "{text}"\n',
       f'@set.delimiter.value: `{text}` is no delimiter; write one character in quotes, such as ";"')
      for text in (';;', 'x', '7', 'é', "'")],
    ('hits-%Y-%m-%d.csv', '«hits.csv',
     "schema.hits.physicalName: `hits.csv` does not tell a file's day; write one like "
     "events_%Y%m%d.csv"),
    ('hits-%Y-%m-%d.csv', '«hits-%Y-%m.csv',
     "schema.hits.physicalName: `hits-%Y-%m.csv` does not tell a file's day; write one like "
     "events_%Y%m%d.csv"),
    ('hits-%Y-%m-%d.csv', '«a/%Y%m%d.csv',
     "schema.hits.physicalName: `a/%Y%m%d.csv` does not tell a file's day; write one like "
     "events_%Y%m%d.csv"),
    ('hits-%Y-%m-%d.csv', "«'%Y%m%d%Y.csv'",
     "schema.hits.physicalName: `%Y%m%d%Y.csv` does not tell a file's day; write one like "
     "events_%Y%m%d.csv"),
    (FIRST, COLUMN + 'logicalTypeOptions: {«pattern: "(a"}\n',
     '@option.pattern: `(a` is no regular expression (missing ), unterminated subpattern at position '
     '0); correct it'),
    (FIRST, COLUMN + 'logicalTypeOptions: {«pattern: a(?=b)}\n',
     '@option.pattern: `(?=` is not RE2, which DuckDB runs (no lookaround, backreference)'),
    (FIRST, COLUMN + "logicalTypeOptions: {«pattern: '(?<!a)b'}\n",
     '@option.pattern: `(?<!` is not RE2, which DuckDB runs (no lookaround, backreference)'),
    (FIRST, COLUMN + "logicalTypeOptions: {«pattern: '(a)\\1'}\n",
     '@option.pattern: `\\1` is not RE2, which DuckDB runs (no lookaround, backreference)'),
    (FIRST, COLUMN + "logicalTypeOptions: {«pattern: '(?P<x>a)(?P=x)'}\n",
     '@option.pattern: `(?P=` is not RE2, which DuckDB runs (no lookaround, backreference)'),
    (FIRST, COLUMN + "logicalTypeOptions: {«pattern: 'a++'}\n",
     '@option.pattern: `++` is not RE2, which DuckDB runs (no lookaround, backreference)'),
    (FIRST, COLUMN + "logicalTypeOptions: {«pattern: 'a{1,2000}'}\n",
     '@option.pattern: `{1,2000}` is not RE2, which DuckDB runs (no lookaround, backreference)'),
    (FIRST, COLUMN + "logicalTypeOptions: {«pattern: 'a\\Z'}\n",
     '@option.pattern: `\\Z` is not RE2, which DuckDB runs (no lookaround, backreference)'),
    (FIRST, COLUMN + "logicalTypeOptions: {«pattern: '[\\u00e4]'}\n",
     '@option.pattern: `[\\u00e4]` is not RE2, which DuckDB runs (no lookaround, backreference)'),
    (FIRST, COLUMN + "logicalTypeOptions: {«pattern: '[[a]]'}\n",
     '@option.pattern: `[[a]]` is no regular expression (Possible nested set at position 1); correct '
     'it'),
    (ORDER, ORDER + '      «checkoutToken: /checkout/.*\n',
     '@set.order.value.checkoutToken: must have 1 group in ( ), not 0; use (?: ) for the others'),
    (ORDER, ORDER + '      «checkoutToken: (a)(b)\n',
     '@set.order.value.checkoutToken: must have 1 group in ( ), not 2; use (?: ) for the others'),
    (PAYLOAD, PAYLOAD + "  - property: anonymisation\n    value: {«queryValue: '['}\n",
     '@set.anonymisation.value.queryValue: `[` is no regular expression (unterminated character set '
     'at position 0); correct it'),
    (PAYLOAD, PAYLOAD + '  - property: anonymisation\n    «value: {plainHosts: [a.example]}\n',
     '@set.anonymisation.value: names neither `queryValue` nor `foreignHost`; add one, or take this '
     'out'),
    ('      - name: buy\n', '      - name: sell\n        role: order\n      - «name: buy\n',
     "@set.events.value.buy: the role order is taken; list this name under the other event's "
     "`synonyms`"),
    ('      - name: buy\n', '      - {name: buy}\n      - «name: buy\n',
     '@set.events.value.buy: `buy` is an event already; a name belongs to one event'),
    (KEY, KEY + '          - «name: id\n',
     '@set.events.value.buy.payload.id: the key `id` stands here twice; keep one'),
    (KEY, KEY + '          - «name: a.b\n',
     '@set.events.value.buy.payload.a.b: a payload key may not be empty or hold . [ ] " or line '
     'breaks; leave it out'),
    (ORDER, '      «amount: summ\n',
     "@set.order.value.amount: `summ` is no key of 'buy'; did you mean `sum`?"),
    (ORDER, ORDER + '      lines: lines\n      «lineAmount: sum\n',
     '@set.order.value.lineAmount: must stand below `lines`, such as items[].price; correct one of '
     'the two'),
    (ORDER, ORDER + '      «lineAmount: lines[].price\n',
     '@set.order.value.lineAmount: must stand below `lines`, such as items[].price; correct one of '
     'the two'),
    ('  - property: events\n',
     '  - property: delimiter\n    value: ";"\n'
     + '  - «property: delimiter\n    value: ","\n  - property: events\n',
     '@set.delimiter: `delimiter` stands here twice; keep one'),
    ('schema:\n', '«schema:\n  - {name: other, properties: [{name: a}]}\n',
     'schema: describes 2 tables; keep one table a contract'),
    ('schema:\n', 'slaProperties: [{property: a, «value: 1.0e+300, unit: d}]\nschema:\n',
     'slaProperties.a: 1e+300 d is no span of time; correct it'),
    (FIRST, FIRST + '     «- name: x\n', 'not YAML: did not find expected key; check the indents'),
    ('amount: sum\n', 'amount: sum\nname: "x\n«',
     'not YAML: found unexpected end of stream; check the indents'),
    (FIRST, COLUMN + '«name: other\n', '@column: the key `name` stands here twice; keep one'),
    (FIRST, COLUMN + 'description: «&a text\n',
     '@column.description: anchors and aliases (& and *) are not allowed; write the value out, or '
     'quote it'),
    (FIRST, COLUMN + 'description: «*a\n',
     '@column.description: anchors and aliases (& and *) are not allowed; write the value out, or '
     'quote it'),
    (FIRST, COLUMN + 'description: «!!python/object/apply:os.system [ls]\n',
     '@column.description: the tag `python/object/apply:os.system` is not allowed; delete it'),
    (FIRST, COLUMN + 'required: «!!bool perhaps\n',
     '@column.required: `perhaps` is not a valid bool; quote it if it is meant as text'),
    (FIRST, COLUMN + 'primaryKeyPosition: «0b_\n',
     '@column.primaryKeyPosition: `0b_` is not a valid int; quote it if it is meant as text'),
    (FIRST, COLUMN + '«[a, b]: c\n', '@column: a key must be a word'),
    (FIRST, COLUMN + 'description: «[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\n',
     '@column.description[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]…: nested deeper '
     'than 40 levels; a contract needs fewer'),
    (FIRST, COLUMN + '«description: \x07\n', 'a character that YAML does not allow; delete it'),
    (ORDER, ORDER + '---\n«a: b\n', 'a second document begins here; keep one contract a file'),
    (FIRST, COLUMN + '«<<: {a: b}\n',
     '@column: unknown key `<<`; take it out, or put it under `customProperties`'),
    (COLUMNS, COLUMNS[: COLUMNS.index('    properties')].replace('name', '«name') + '    properties: []\n',
     'schema.hits: `properties` is empty; describe at least the columns that have a role'),
    (SMALL, '«' + SMALL.replace(ALL_ROLES, ''),
     'no column has a role; add the custom property `columnRoles` with client, page, time, event'),
    (ROLE, ROLE.replace('role: order', 'role: cart').replace('order\n    value', 'order\n    «value'),
     '@set.order.value: no event has the role order; give one `role: order`, or take this out'),
    (EVENT, EVENT.replace('\n', '\n        enum: [{value: sell}]\n', 1).replace('name: buy', '«name: buy'),
     "@set.events.value.buy: the `enum` of `the 'event' \" ü` lacks `buy`; add it there, or correct it here"),
    (ALL_ROLES, ALL_ROLES.replace(PAYLOAD, '').replace('value', '«value'),
     '@set.columnRoles.value: events have a payload, but no column has the role; add `payload:`'),
]
