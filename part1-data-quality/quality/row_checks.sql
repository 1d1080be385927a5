-- Checks of single events. Each is a condition that is true if an event fails; the failures are counted per file. The lines
-- above a condition are its definition:
--   name       the name under which the contract may set its severity and threshold
--   applies_to one check per column of this kind: a role of the contract (client, user_agent, ...), `required`,
--              or another kind of `_kinds` in row_checks.py
--              {column} stands for the column, {pattern}, {allowed}, {minimum}, {maximum} for its contract
--   severity, dimension   the defaults; the contract may set others
--   message    what is wrong, with {failed}, {checked}, {share} and {expected}; {failed:have|has} is has for 1
--   advice     what to do first
--   filter     the events that are checked; all, when it is left out
--   needs      roles without which the check is skipped
--   threshold  the largest share that may fail, or `shift`: a share outside the usual range of the days before
--   example    the part of the first failed event to show, by default {column}; `none` shows nothing
--   impact     `orders`: the revenue of the failed events is at stake; otherwise it is unknown
--   suppressed_by   this check follows from a failure of these checks, on the same column or one that it depends on
--   explained_by    this check follows from a failure of these checks, anywhere in the file
--   cases      `together`: cases fail together, as the hours of an outage, so that few good days already end an incident
-- Columns: client page referrer time_text event payload user_agent as text, null if empty;
-- event_at, step, payload_valid, revenue, is_header, tracked, file_day; and the contract's other columns. `marks`
-- lists, by {number}, the columns with a null written as text or with different values under two names; null if none.

-- name: null_share
-- impact: orders
-- applies_to: required
-- severity: P1
-- dimension: completeness
-- threshold: 0
-- example: none
-- message: {failed:,} of {checked:,} {checked:events|event} ({share}) {failed:have|has} no {column}
-- advice: Ask the tag's owner which release stopped filling {column}, and on which pages.
{column} is null

-- name: null_shift
-- suppressed_by: null_share
-- applies_to: column
-- severity: P2
-- dimension: completeness
-- threshold: shift
-- example: none
-- message: {failed:,} of {checked:,} {checked:events|event} ({share}) {failed:have|has} no {column}; {expected} is usual
-- advice: Compare the tag's releases of that day; a falling share can break a report as well.
{column} is null

-- name: campaign_shift
-- applies_to: page
-- severity: P1
-- dimension: completeness
-- threshold: shift
-- example: none
-- message: {failed:,} of {checked:,} {checked:events|event} ({share}) {failed:have|has} no campaign in {column}; {expected} is usual
-- advice: Check whether a redirect or a consent tool strips the parameters; without them, paid visits look direct.
-- Most pages have no query, and are searched only once. A parameter without a value is not a campaign.
case
    when contains(page, '?') then case
        when not contains(page, 'utm_source=') then true
        when contains(page, '=&') or ends_with(page, '=')
            then contains(page, 'utm_source=&') or contains(page, 'utm_campaign=&')
                or ends_with(page, 'utm_source=') or ends_with(page, 'utm_campaign=')
        else false
    end
    else true
end

-- name: campaign_placeholder
-- applies_to: campaign
-- severity: P1
-- dimension: accuracy
-- threshold: 0.001
-- filter: {column} is not null
-- example: left(trim(regexp_extract({column}, {unfilled}, 1), '&#'), 60)
-- message: {failed:,} of {checked:,} {checked:values|value} of {column} ({share}) {failed:have|has} a placeholder instead of a campaign, such as {example}
-- advice: Correct the link's template in the ad or mail platform; it did not fill in the name, so that these visits have no campaign.
regexp_matches({column}, {unfilled})

-- name: quote_stray
-- applies_to: unquoted
-- severity: P2
-- dimension: conformity
-- threshold: 0
-- example: masked({column})
-- message: {failed:,} of {checked:,} {checked:values|value} of {column} {failed:contain|contains} a quotation mark
-- advice: The export does not quote its fields correctly; a stricter reader loses these rows or shifts their columns.
contains({column}, '"')

-- name: value_placeholder
-- impact: orders
-- applies_to: identifier
-- severity: P1
-- dimension: conformity
-- threshold: 0.001
-- message: {failed:,} of {checked:,} {checked:events|event} ({share}) {failed:have|has} a placeholder like {example} in {column} instead of a value
-- advice: The tag writes missing values as text; make it send nothing, or every join will match strangers.
lower({column}) in ({words_for_nothing})

-- name: null_text
-- applies_to: every
-- severity: P2
-- dimension: conformity
-- threshold: 0
-- example: regexp_extract(marks, ',{number}=([^,]*),', 1)
-- message: {failed:,} of {checked:,} {checked:values|value} of {column} ({share}) {failed:are|is} a null written as text, such as {example}
-- advice: Have the export leave nulls empty; all four parts read these as nulls, but another reader takes them for values.
contains(marks, ',{number}=')

-- name: names_differ
-- impact: orders
-- applies_to: renamed
-- severity: P1
-- dimension: consistency
-- threshold: 0
-- example: none
-- message: {failed:,} of {checked:,} {checked:events|event} ({share}) {failed:have|has} different values in {column} under two of its names
-- advice: Ask which name is right; the value under the contract's own name counts, and the others may be another identifier.
contains(marks, ',{number}<>')

-- name: value_pattern
-- applies_to: pattern
-- suppressed_by: value_placeholder
-- severity: P2
-- dimension: conformity
-- threshold: 0.001
-- filter: {column} is not null
-- example: masked({column})
-- message: {failed:,} of {checked:,} {checked:values|value} of {column} ({share}) {failed:do not|does not} match the contract's pattern
-- advice: Look at the first one; a new form of identifier belongs in the contract's pattern.
not regexp_full_match({column}, {pattern})

-- name: value_invalid
-- impact: orders
-- applies_to: allowed
-- severity: P1
-- dimension: conformity
-- threshold: 0
-- filter: {column} is not null
-- message: {failed:,} of {checked:,} {checked:values|value} of {column} ({share}) {failed:are|is} not in the contract, such as {example}
-- advice: Add the value to the contract if it is intended; if it is a new name of an old value, add it as a synonym.
{column} not in ({allowed})

-- name: value_type
-- applies_to: typed
-- severity: P1
-- dimension: conformity
-- threshold: 0
-- filter: {column} is not null
-- example: masked({column})
-- message: {failed:,} of {checked:,} {checked:values|value} of {column} ({share}) {failed:do not|does not} have the contract's type
-- advice: Ask the sender when the type changed; change the contract only if every reader can handle it.
try_cast({column} as {type}) is null

-- name: value_range
-- applies_to: bounded
-- severity: P2
-- dimension: accuracy
-- threshold: 0
-- filter: {column} is not null
-- example: masked({column})
-- message: {failed:,} of {checked:,} {checked:values|value} of {column} ({share}) {failed:are|is} outside the contract's range
-- advice: Look at the first one; a unit may have changed.
try_cast({column} as double) not between {minimum} and {maximum}

-- name: value_length
-- applies_to: limited
-- severity: P2
-- dimension: conformity
-- threshold: 0
-- filter: {column} is not null
-- example: masked({column})
-- message: {failed:,} of {checked:,} {checked:values|value} of {column} ({share}) {failed:are|is} longer than the contract allows
-- advice: Look at the first one; a reader with a shorter column truncates or rejects it.
length({column}) > {max_length}

-- name: event_synonym
-- applies_to: event
-- severity: P3
-- dimension: conformity
-- threshold: 0
-- filter: event is not null
-- message: {failed:,} of {checked:,} {checked:events|event} {failed:use|uses} the other name {example}, which the contract knows
-- advice: Nothing to repair; reports that count by the raw name need both names.
event in ({synonyms})

-- name: timestamp_unparseable
-- impact: orders
-- applies_to: time
-- severity: P0
-- dimension: conformity
-- threshold: 0
-- filter: time_text is not null
-- example: left(time_text, 40)
-- message: {failed:,} of {checked:,} {checked:timestamps|timestamp} ({share}) cannot be read, such as {example}
-- advice: Have the export write ISO 8601 again; events without a time are missing from every report.
event_at is null

-- name: timestamp_outside_day
-- impact: orders
-- applies_to: time
-- suppressed_by: timestamp_offset content_repeated
-- severity: P1
-- dimension: timeliness
-- threshold: 0
-- filter: event_at is not null
-- example: left(time_text, 40)
-- message: {failed:,} of {checked:,} {checked:events|event} ({share}) did not happen on the file's day
-- advice: Late or shifted events count on the wrong day; check the export's time zone and cut-off.
cast(event_at as date) <> file_day

-- name: timestamp_offset
-- impact: orders
-- applies_to: utc
-- severity: P1
-- dimension: consistency
-- threshold: 0
-- filter: event_at is not null
-- example: left(time_text, 40)
-- message: {failed:,} of {checked:,} {checked:timestamps|timestamp} ({share}) {failed:are|is} not in UTC, such as {example}
-- advice: Have the export write UTC; a reader that drops the offset moves events across hours and days.
strlen(time_text) > 19
and (substr(time_text, -6, 1) in ('+', '-') or substr(time_text, -5, 1) in ('+', '-'))
and right(time_text, 5) not in ('00:00', '+0000')

-- name: timestamp_precision
-- applies_to: time
-- severity: P2
-- dimension: conformity
-- threshold: shift
-- filter: event_at is not null
-- example: none
-- message: {failed:,} of {checked:,} {checked:timestamps|timestamp} ({share}) {failed:are|is} cut to the minute; {expected} is usual
-- advice: Have the export write seconds again. Until then, separate events look alike, so drop none of them as a duplicate.
epoch_us(event_at) % 60000000 = 0

-- name: url_malformed
-- applies_to: page
-- severity: P1
-- dimension: conformity
-- threshold: 0.001
-- filter: page is not null
-- example: masked(page)
-- message: {failed:,} of {checked:,} page {checked:addresses|address} ({share}) {failed:are not web addresses|is not a web address}
-- advice: Check what the tag sends as the page address; paths and channels are derived from it.
not (starts_with(page, 'https://') or starts_with(page, 'http://')) or host_of(page) = ''

-- name: referrer_malformed
-- applies_to: referrer
-- severity: P2
-- dimension: conformity
-- threshold: 0.001
-- filter: referrer is not null
-- example: masked(referrer)
-- message: {failed:,} of {checked:,} {checked:referrers|referrer} ({share}) {failed:are not web or app addresses|is not a web or app address}
-- advice: Check what the tag sends as the referrer; channels are derived from it.
(not contains(referrer, '://') or host_of(referrer) = '') and lower(referrer) not in ({no_evidence})

-- name: host_foreign
-- applies_to: page
-- suppressed_by: quote_stray
-- severity: P2
-- dimension: consistency
-- threshold: 0
-- filter: page is not null
-- example: left(host_of(page), 60)
-- message: {failed:,} of {checked:,} {checked:events|event} ({share}) {failed:come|comes} from a host that does not belong to the shop, such as {example}
-- advice: Add the host to the contract if it belongs to the shop; otherwise someone copied the tag or translates the pages.
contains(page, '://') and not own_host(host_of(page))

-- name: host_internal
-- applies_to: referrer
-- severity: P3
-- dimension: consistency
-- threshold: 0
-- filter: referrer is not null
-- example: left(host_of(referrer), 60)
-- message: {failed:,} of {checked:,} {checked:referrers|referrer} {failed:are hosts|is a host} of the shop that the contract does not list, such as {example}
-- advice: This is staff or test traffic; exclude it from the tag, or add the host to the contract.
own_domain(host_of(referrer)) and not own_host(host_of(referrer))

-- name: header_repeated
-- applies_to: event
-- severity: P1
-- dimension: conformity
-- threshold: 0
-- example: none
-- message: {failed:,} of {checked:,} {checked:rows|row} {failed:are header lines|is a header line}
-- advice: Two exports were joined; remove the line, and check that no part of the day is missing or doubled.
is_header

-- name: payload_missing
-- impact: orders
-- applies_to: payload
-- severity: P0
-- dimension: completeness
-- threshold: 0
-- filter: event in ({payload_events})
-- example: left(event, 40)
-- message: {failed:,} of {checked:,} {checked:events|event} that {checked:need|needs} a payload ({share}) {failed:have|has} none
-- advice: An order without its payload has no amount and no id; restore both from the shop's order list.
payload is null

-- name: payload_malformed
-- impact: orders
-- applies_to: payload
-- severity: P0
-- dimension: conformity
-- threshold: 0
-- filter: payload is not null
-- example: masked(payload)
-- message: {failed:,} of {checked:,} {checked:payloads|payload} ({share}) {failed:are|is} not valid JSON
-- advice: Look for truncation or broken quoting in the export; no report can use what these payloads hold.
not payload_valid

-- name: payload_not_object
-- impact: orders
-- applies_to: payload
-- severity: P0
-- dimension: conformity
-- threshold: 0
-- filter: payload is not null
-- example: masked(payload)
-- message: {failed:,} of {checked:,} {checked:payloads|payload} ({share}) {failed:are|is} valid JSON, but no JSON object
-- advice: Have the event send an object of keys and values; no report can use a bare list, text or number.
case
    when payload_valid and not starts_with(ltrim(payload), '{{') then not is_encoded_object(payload)
    else false
end

-- name: payload_encoded_twice
-- impact: orders
-- applies_to: payload
-- severity: P0
-- dimension: conformity
-- threshold: 0
-- filter: payload is not null
-- example: masked(payload)
-- message: {failed:,} of {checked:,} {checked:payloads|payload} ({share}) {failed:are|is} JSON inside a JSON string: {failed:they are|it is} encoded twice
-- advice: Remove the second JSON.stringify (or json.dumps) from the tag or the export; until then, no report can use these payloads.
case
    when payload_valid and starts_with(ltrim(payload), '"') then is_encoded_object(payload)
    else false
end

-- name: payload_not_a_number
-- impact: orders
-- applies_to: payload
-- severity: P1
-- dimension: conformity
-- threshold: 0
-- filter: payload is not null
-- example: regexp_extract(payload, {no_number})
-- message: {failed:,} of {checked:,} {checked:payloads|payload} ({share}) {failed:contain|contains} NaN or Infinity, which are not JSON, such as {example}
-- advice: Have the event leave out a number that it cannot compute; many readers reject the whole payload.
regexp_matches(payload, {no_number})

-- name: payload_unexpected
-- applies_to: payload
-- severity: P3
-- dimension: conformity
-- threshold: 0
-- filter: payload is not null
-- example: left(event, 40)
-- message: {failed:,} of {checked:,} {checked:payloads|payload} {failed:belong to events|belongs to an event} for which the contract defines none, such as {example}
-- advice: Add them to the contract if they are intended.
step_of(event) is not null and event not in ({payload_events})

-- name: email_exposed
-- applies_to: free_text
-- severity: P1
-- dimension: conformity
-- threshold: 0
-- filter: {column} is not null
-- example: masked(regexp_extract({column}, {email}))
-- message: {failed:,} of {checked:,} {checked:values|value} of {column} {failed:contain|contains} an email address
-- advice: Stop the leak at the form or link that causes it, delete all copies of the export, and inform whoever is responsible for privacy.
regexp_matches({column}, {email})

-- name: phone_exposed
-- applies_to: url_or_payload
-- severity: P1
-- dimension: conformity
-- threshold: 0
-- filter: {column} is not null
-- example: masked(regexp_extract({column}, {phone}))
-- message: {failed:,} of {checked:,} {checked:values|value} of {column} {failed:contain|contains} what looks like a phone number
-- advice: Stop the leak at the form or link that causes it, delete all copies of the export, and inform whoever is responsible for privacy.
regexp_matches({column}, {digits}) and regexp_matches({column}, {phone})

-- name: card_exposed
-- applies_to: url_or_payload
-- severity: P0
-- dimension: conformity
-- threshold: 0
-- filter: {column} is not null
-- example: masked(card_in(regexp_replace({column}, {identifiers}, '', 'g')))
-- message: {failed:,} of {checked:,} {checked:values|value} of {column} {failed:contain|contains} a payment card number
-- advice: Stop the export now, delete its copies and inform the payment provider; this is a reportable incident.
regexp_matches({column}, {digits}) and card_in(regexp_replace({column}, {identifiers}, '', 'g')) is not null

-- name: query_not_anonymised
-- applies_to: anonymised
-- suppressed_by: email_exposed phone_exposed card_exposed
-- severity: P2
-- dimension: conformity
-- threshold: 0
-- filter: contains({column}, '?')
-- example: left(raw_key({column}), 30)
-- message: {failed:,} of {checked:,} {checked:addresses|address} with a query in {column} ({share}) {failed:contain|contains} values that are not anonymised, first under the key {example}
-- advice: Anonymise this column too; its click ids and search terms can identify people.
not clean_query({column})

-- name: host_not_anonymised
-- applies_to: hidden_host
-- severity: P2
-- dimension: conformity
-- threshold: 0
-- filter: referrer is not null
-- example: left(host_of(referrer), 60)
-- message: {failed:,} of {checked:,} {checked:referrers|referrer} ({share}) {failed:name|names} a host that is neither anonymised nor allowed to be plain, such as {example}
-- advice: Anonymise it, or add it to plainHosts in the contract if it is no secret.
not own_domain(host_of(referrer)) and not regexp_full_match(host_of(referrer), {known_hosts}, 'i')
