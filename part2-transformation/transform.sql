-- Bronze -> silver -> gold: all business logic, with the definitions in documentation_transformation.md. Each table is one
-- `create or replace table x as select ...`, which is all that an engine's adapter has to know. {braces} are filled in
-- from the contract (schema.yaml).
--
-- Contents
--   events      received, browsers, parsed_events, simultaneous, rejected_events
--   sources     terms, known_hosts, confirmations, decoded, sources: the evidence
--   sessions    judged_events, session_events, events, sessions, clients
--   files       file_totals, files
--   people      links, people
--   orders      received_orders, orders, order_items
--   gold        readings, models, order_touches, attribution, no_known_source, unattributed, channel_sessions,
--               channel_credit, channel_performance, funnel, products, event_counts, event_metrics, hourly_metrics,
--               daily_metrics, ledger, headline_figures, shop


-- silver.received: every record under the contract's column names; synonyms heal a renamed column.
-- event_data/events.sql defines how every part reads a time. A placeholder such as `undefined` is not a client id.
create or replace view silver.received as
with imported as (
    select
        events._source_file as source_file,
        events._line as line,
        events._unreadable as unreadable,
        -- 20250304 001 00000017: day, file of that day, line
        events._file_id * 100000000 + events._line as event_id,
        {client_id} as client_id,
        {client_id_as_tracked} as client_id_as_tracked,
        {page} as page_url,
        {referrer} as referrer,
        {time} as time_text,
        {event} as event_name,
        {payload} as event_data,
        events._payload as payload,
        {user_agent} as user_agent,
        {session} as source_session_id,
        trim({source}) as source,
        trim({medium}) as medium,
        trim({campaign}) as campaign,
        {click_id} as click_id,
        trim({channel}) as channel,
        {checkout} as checkout,
        {other_columns} as other_columns
    from bronze.events as events
),

{event_time}

select
    source_file, line, unreadable, event_id, client_id, client_id_as_tracked, page_url, referrer, time_text, event_at,
    event_name, event_data, payload, user_agent, source_session_id, source, medium, campaign, click_id, channel, checkout,
    other_columns
from timed;


-- silver.browsers: one row per user agent: its device, and whether it declares itself a crawler.
create or replace table silver.browsers as
with distinct_agents as (
    select distinct user_agent
    from silver.received
    where unreadable is null and event_name is not null and user_agent is not null
),

agents as (
    select user_agent, lower(user_agent) as a
    from distinct_agents
),

crawlers as (
    select distinct agents.user_agent
    from agents
    inner join bronze.crawlers as crawlers on strpos(agents.a, crawlers.term) > 0
)

select
    row_number() over (order by agents.user_agent nulls first) as browser_id,
    agents.user_agent,
    crawlers.user_agent is not null as is_bot,
    {device} as device,
    {operating_system} as operating_system,
    {browser} as browser
from agents
left join crawlers on agents.user_agent = crawlers.user_agent;


-- silver.parsed_events: every readable event record, with its page address split into parts and its evidence of a
-- source.
create or replace table silver.parsed_events as
with received as (
    select
        received.event_id, received.client_id, received.client_id_as_tracked is not null as is_tracked,
        received.event_at, received.event_name,
        coalesce(event_roles.event, 'other') as event,
        case when event_roles.event in ('order', 'refund', 'signup', 'checkout') then received.payload end as payload,
        browsers.browser_id,
        received.page_url,
        received.referrer,
        case when lower(received.source_session_id) not in ({placeholders}) then received.source_session_id end
            as source_session_id,
        -- an export's value for a visit without a source is not evidence
        case when lower(received.source) not in ({no_evidence}) then received.source end as source,
        case when lower(received.medium) not in ({no_evidence}) then received.medium end as medium,
        case when lower(received.campaign) not in ({no_evidence}) then received.campaign end as campaign,
        received.click_id as click_parameter,
        case when lower(received.channel) not in ({no_evidence}) then lower(received.channel) end as source_channel,
        lower(regexp_extract(received.referrer, '://([^/?#]*)', 1)) as given_host,
        {checkout_token} as checkout_token,
        {is_confirmation_page} as is_confirmation_page,
        case
            when strpos(received.page_url, '#') > 0
                then substr(received.page_url, 1, strpos(received.page_url, '#') - 1)
            else received.page_url
        end as address
    from silver.received as received
    left join bronze.event_roles as event_roles on received.event_name = event_roles.event_name
    left join silver.browsers as browsers on received.user_agent = browsers.user_agent
    -- Events without a time are refused below, where the time is a column; here it would be computed twice.
    where received.unreadable is null and received.event_name is not null
),

-- The parts of the page address. Searching for a character costs less than a regular expression. `nullif` would compute
-- each expression twice, so empty values become null only at the end.
queried as (
    select
        received.*,
        case
            when strpos(address, '?') > 0 then substr(address, 1, strpos(address, '?') - 1)
            else address
        end as place,
        case when strpos(address, '?') > 0 then '&' || substr(address, strpos(address, '?') + 1) end as query
    from received
),

hosted as (
    select queried.*, case when strpos(place, '://') > 0 then substr(place, strpos(place, '://') + 3) end as host_and_path
    from queried
),

located as (
    select
        hosted.*,
        lower(case
            when strpos(host_and_path, '/') > 0 then substr(host_and_path, 1, strpos(host_and_path, '/') - 1)
            else host_and_path
        end) as page_host,
        case
            when strpos(host_and_path, '/') > 0 then substr(host_and_path, strpos(host_and_path, '/'))
            when host_and_path is not null then '/'
        end as path,
        case when strpos(query, '&utm_source=') > 0 then regexp_extract(query, '&utm_source=([^&]*)', 1) end as utm_source,
        case when strpos(query, '&utm_medium=') > 0 then regexp_extract(query, '&utm_medium=([^&]*)', 1) end as utm_medium,
        case
            when strpos(query, '&utm_campaign=') > 0 then regexp_extract(query, '&utm_campaign=([^&]*)', 1)
        end as utm_campaign,
        case
            when strpos(query, '&utm_content=') > 0 then regexp_extract(query, '&utm_content=([^&]*)', 1)
        end as utm_content,
        case when strpos(query, '&utm_term=') > 0 then regexp_extract(query, '&utm_term=([^&]*)', 1) end as utm_term,
        {click_ids_in_page} as click_ids_in_page
    from hosted
),

-- Hosts without user information, port and trailing dot: user@www.example.com.:443
cleaned as (
    select
        located.*,
        case
            when strpos(page_host, ':') > 0 or strpos(page_host, '@') > 0 or page_host like '%.'
                then regexp_extract(
                    regexp_extract(regexp_extract(page_host, '([^@]*)$', 1), '^([^:]*)', 1), '^(.*[^.])[.]*$', 1
                )
            else page_host
        end as host,
        case
            when strpos(given_host, ':') > 0 or strpos(given_host, '@') > 0 or given_host like '%.'
                then regexp_extract(
                    regexp_extract(regexp_extract(given_host, '([^@]*)$', 1), '^([^:]*)', 1), '^(.*[^.])[.]*$', 1
                )
            else given_host
        end as referrer_host
    from located
),

given as (
    select
        event_id, client_id, is_tracked, event_at, event_name, event, payload, browser_id, referrer,
        nullif(host, '') as host, path,
        substr(query, 2) as query,
        nullif(referrer_host, '') as referrer_host,
        nullif(checkout_token, '') as checkout_token,
        coalesce(source, case when utm_source not in ('', {empty_value}) then utm_source end) as utm_source,
        coalesce(medium, case when utm_medium not in ('', {empty_value}) then utm_medium end) as utm_medium,
        coalesce(campaign, case when utm_campaign not in ('', {empty_value}) then utm_campaign end) as utm_campaign,
        case when utm_content not in ('', {empty_value}) then utm_content end as utm_content,
        case when utm_term not in ('', {empty_value}) then utm_term end as utm_term,
        -- the parameters of seeds/click_ids.csv that have a value: gclid gbraid
        coalesce(click_parameter, case when click_ids_in_page <> '' then click_ids_in_page end) as click_ids,
        source_session_id, source_channel, is_confirmation_page
    from cleaned
)

select
    given.*,
    -- the evidence that silver.sources judges, as one text; null if there is none, or only the shop's own host
    case
        when utm_source is not null or utm_medium is not null or utm_campaign is not null or click_ids is not null
            or source_channel is not null or referrer_host not in ({own_hosts})
        then {evidence_key}
    end as evidence_key
from given;


-- silver.simultaneous: the few events that share their time with another, each with a hash of its content. Exact
-- repeats have the same content; other events at the same time are ordered by the hash, never by their place in a
-- file.
create or replace table silver.simultaneous as
with busy_times as (
    select event_at
    from silver.parsed_events
    where event_at is not null
    group by event_at
    having count(*) > 1
)

select
    parsed_events.event_id, parsed_events.client_id, parsed_events.event_at, parsed_events.event, received.time_text,
    md5(
        coalesce(received.client_id, '') || '|' || coalesce(received.page_url, '') || '|'
        || coalesce(received.referrer, '') || '|' || received.event_name || '|' || coalesce(received.event_data, '')
        || '|' || coalesce(received.user_agent, '') || '|' || coalesce(received.other_columns, '')
    ) as content
from silver.parsed_events as parsed_events
inner join busy_times on parsed_events.event_at = busy_times.event_at
inner join silver.received as received on parsed_events.event_id = received.event_id;


-- silver.rejected_events: records that cannot be used, each with its reason, file and line.
create or replace table silver.rejected_events as
with repeats as (
    select
        event_id,
        row_number() over (partition by client_id, time_text, content order by event_id nulls first) as occurrence
    from silver.simultaneous
    -- equal lines of an order are not repeats
    where not ({rows_are_lines} and event = 'order')
),

reasons as (
    select
        received.event_id, received.source_file, received.line, received.event_name, received.payload,
        case
            when received.unreadable is not null then 'unreadable record'
            when received.event_name is null then 'no event name'
            when parsed_events.event_at is null then 'no readable time'
            else 'exact repeat'
        end as reason
    from silver.received as received
    left join silver.parsed_events as parsed_events on received.event_id = parsed_events.event_id
    left join repeats on received.event_id = repeats.event_id and repeats.occurrence > 1
    where parsed_events.event_at is null or repeats.event_id is not null
)

select
    reasons.event_id, reasons.source_file, reasons.line, reasons.reason,
    coalesce(event_roles.event, 'other') as event,
    case when event_roles.event = 'order' then {amount} end as revenue
from reasons
left join bronze.event_roles as event_roles on reasons.event_name = event_roles.event_name;


-- silver.terms: standard terms of the field, and what the shop's anonymisation turns each into.
create or replace table silver.terms as
with terms as (
    select source as term from bronze.sources
    union distinct
    select alias from bronze.source_aliases
    union distinct
    select medium from bronze.media
    union distinct
    select source from bronze.click_ids
    union distinct
    select ''
),

-- seeds/spellings.csv has the platforms' own: Google Shopping
spellings as (
    select term, term as spelling from terms
    union distinct
    select term, upper(term) from terms
    union distinct
    select term, upper(substr(term, 1, 1)) || substr(term, 2) from terms
    union distinct
    select term, spelling from bronze.spellings
)

select substr(upper(md5(spelling)), 1, 6) as value, min(term) as term
from spellings
where {values_are_hidden}
group by substr(upper(md5(spelling)), 1, 6);


-- silver.known_hosts: the hosts of known sources and payment providers, plain and anonymised.
create or replace table silver.known_hosts as
with prefixes as (
    select prefix from bronze.host_prefixes
    union distinct
    select ''
),

subdomains as (
    select prefix as subdomain from prefixes
    union distinct
    select subdomain from bronze.payment_subdomains
),

hosts as (
    select source as host, source, 1 as preference from bronze.sources where strpos(source, '.') > 0
    union all
    -- Only an engine's own domains, not every host that contains its name.
    select host, source, 0 from bronze.search_hosts
    union all
    select host, source, 0 from bronze.host_aliases
),

named as (
    select prefixes.prefix || hosts.host as host, hosts.source, 'source' as kind, hosts.preference
    from hosts
    cross join prefixes

    union all

    select subdomains.subdomain || own_hosts.host, null, 'payment', -1
    from bronze.own_hosts as own_hosts
    cross join subdomains
    where own_hosts.kind = 'payment'
),

written as (
    select host, source, kind, preference from named
    union all
    select 'source-' || substr(md5(host), 1, 8) || '.com', source, kind, preference
    from named
    where {hosts_are_hidden}
)

select host, kind, source
from written
where true
qualify row_number() over (
    partition by host order by preference nulls first, length(source) nulls first, source nulls first
) = 1;


-- silver.confirmations: events on the confirmation page of an order. The address and the referrer of such a page are
-- not evidence; the export's source columns are.
create or replace table silver.confirmations as
with given as (
    select
        pages.event_id,
        case when lower(received.source) not in ({no_evidence}) then received.source end as utm_source,
        case when lower(received.medium) not in ({no_evidence}) then received.medium end as utm_medium,
        case when lower(received.campaign) not in ({no_evidence}) then received.campaign end as utm_campaign,
        received.click_id as click_ids,
        case when lower(received.channel) not in ({no_evidence}) then lower(received.channel) end as source_channel,
        cast(null as varchar) as referrer_host
    from silver.parsed_events as pages
    inner join silver.received as received on pages.event_id = received.event_id
    where pages.is_confirmation_page
)

select
    given.*,
    case
        when utm_source is not null or utm_medium is not null or utm_campaign is not null or click_ids is not null
            or source_channel is not null
        then {evidence_key}
    end as evidence_key
from given;


-- silver.decoded: the decoded text of each percent-encoded value in an address. Values are decoded at most twice; +
-- is a blank.
create or replace table silver.decoded as
with digits as (
    select digit from (values (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) as digits (digit)
),

places as (
    select 1 + ones.digit + 10 * tens.digit + 100 * hundreds.digit as place
    from digits as ones
    cross join digits as tens
    cross join digits as hundreds
),

-- the 64 values that the last byte of a long character can have
last_bytes as (
    select '%' || sixteens.digit || ones.digit as code, 1 + 16 * sixteens.number + ones.number as position
    from (values ('8', 0), ('9', 1), ('a', 2), ('b', 3)) as sixteens (digit, number)
    cross join (values
        ('0', 0), ('1', 1), ('2', 2), ('3', 3), ('4', 4), ('5', 5), ('6', 6), ('7', 7), ('8', 8), ('9', 9), ('a', 10),
        ('b', 11), ('c', 12), ('d', 13), ('e', 14), ('f', 15)
    ) as ones (digit, number)
),

given as (
    {for field in utm_source utm_medium utm_campaign utm_content utm_term, joined by union distinct}
    select {field} as value from silver.parsed_events where strpos({field}, '%') > 0 or strpos({field}, '+') > 0
    {end}
),

texts_0 as (
    select value, replace(value, '+', ' ') as text from given
),

{for n in 1 2, joined by ,}
-- the position of each percent sign
signs_{n} as (
    select texts.value, texts.text, places.place
    from texts_{n-1} as texts
    inner join places on places.place <= length(texts.text) and substr(texts.text, places.place, 1) = '%'
),

-- The one to four bytes, such as %E6%98%A5, that begin at each position. They are a column, because DuckDB compares
-- every row with every block where the condition of a join needs a third table.
spelled_{n} as (
    select
        signs.value, signs.text, signs.place, signs.place + lengths.length as end_place,
        lower(substr(signs.text, signs.place, lengths.length)) as code
    from signs_{n} as signs
    cross join (values (3), (6), (9), (12)) as lengths (length)
    where signs.place + lengths.length - 1 <= length(signs.text)
),

codes_{n} as (
    select spelled.value, spelled.text, spelled.place, codes.character, spelled.end_place
    from spelled_{n} as spelled
    inner join bronze.percent_codes as codes on spelled.code = codes.code
    union all
    select
        spelled.value, spelled.text, spelled.place, substr(blocks.characters, last_bytes.position, 1), spelled.end_place
    from spelled_{n} as spelled
    inner join bronze.percent_blocks as blocks on substr(spelled.code, 1, length(spelled.code) - 3) = blocks.first_bytes
    inner join last_bytes on substr(spelled.code, length(spelled.code) - 2, 3) = last_bytes.code
    -- no character has this code
    where substr(blocks.characters, last_bytes.position, 1) <> '-'
),

pieces_{n} as (
    select
        value, place, text, character, end_place,
        coalesce(lag(end_place) over (partition by value order by place nulls first), 1) as from_place
    from codes_{n}
),

joined_{n} as (
    select
        value, max(end_place) as end_place,
        string_agg(substr(text, from_place, place - from_place) || character, '' order by place nulls first) as text
    from pieces_{n}
    group by value
),

texts_{n} as (
    select
        texts.value,
        case
            when joined.value is null then texts.text
            else joined.text || substr(texts.text, joined.end_place)
        end as text
    from texts_{n-1} as texts
    left join joined_{n} as joined on texts.value = joined.value
)
{end}

select value, text
from texts_2;


-- silver.sources: each distinct piece of evidence is judged once, however many events carry it.
create or replace table silver.sources as
with keys as (
    select
        evidence_key,
        max(utm_source) as given_source, max(utm_medium) as given_medium, max(utm_campaign) as given_campaign,
        max(click_ids) as click_ids, max(source_channel) as source_channel, max(referrer_host) as host
    from (
        select evidence_key, utm_source, utm_medium, utm_campaign, click_ids, source_channel, referrer_host
        from silver.parsed_events
        where evidence_key is not null
        union all
        select evidence_key, utm_source, utm_medium, utm_campaign, click_ids, source_channel, referrer_host
        from silver.confirmations
        where evidence_key is not null
    ) as given
    group by evidence_key
),

-- Visitors return from the shop's own pages, the checkout and payment providers; these are not sources.
not_sources as (
    select distinct keys.host
    from keys
    inner join bronze.own_hosts as own_hosts
        on keys.host = own_hosts.host or keys.host like '%.' || own_hosts.host
    union distinct
    select host
    from silver.known_hosts
    where kind = 'payment'
),

-- The click id that decides if a page has several.
clicked as (
    select keys.evidence_key, click_ids.parameter as click_id
    from keys
    inner join (select parameter, cast(priority as integer) as priority from bronze.click_ids) as click_ids
        on strpos(' ' || keys.click_ids || ' ', ' ' || click_ids.parameter || ' ') > 0
    where not {has_channel_column}
    qualify row_number() over (partition by keys.evidence_key order by click_ids.priority nulls first) = 1
),

written as (
    select
        keys.evidence_key, keys.click_ids, clicked.click_id, keys.source_channel,
        {for field in source medium campaign, joined by ,}
        lower(coalesce(term_{field}.term, decoded_{field}.text, keys.given_{field})) as {field}_word,
        coalesce(term_{field}.term, decoded_{field}.text, keys.given_{field}) as {field}
        {end},
        case when not_sources.host is null then keys.host end as outside_host
    from keys
    {for field in source medium campaign, joined by }
    left join silver.decoded as decoded_{field} on keys.given_{field} = decoded_{field}.value
    left join silver.terms as term_{field} on keys.given_{field} = term_{field}.value
    {end}
    left join clicked on keys.evidence_key = clicked.evidence_key
    left join not_sources on keys.host = not_sources.host
),

-- Values that exports and tags write for a visit without a source are not evidence. A channel column replaces the rest.
revealed as (
    select
        evidence_key, source_channel,
        click_ids, click_id,
        case when not {has_channel_column} then outside_host end as outside_host,
        case
            when source_word not in ({no_evidence}) and not {has_channel_column} then coalesce(aliases.source, written.source)
        end as source,
        {for field in medium campaign, joined by ,}
        case when {field}_word not in ({no_evidence}) and not {has_channel_column} then {field} end as {field}
        {end}
    from written
    left join bronze.source_aliases as aliases on written.source_word = aliases.alias
),

-- The strongest evidence decides: source and medium, else a click id, the export's own channel, or the referrer.
named as (
    select
        revealed.evidence_key, revealed.click_ids, revealed.click_id, revealed.source_channel,
        channels.channel as given_channel,
        case
            when revealed.source is not null or revealed.medium is not null
                then 'source ' || lower(coalesce(revealed.source, '')) || ' / ' || lower(coalesce(revealed.medium, ''))
                    || ' / ' || lower(coalesce(revealed.campaign, ''))
        end as source_evidence,
        'click id ' || lower(click_ids.parameter) as click_evidence,
        case when source_channel is not null and channels.channel is distinct from 'Direct' then 'channel ' || source_channel end
            as channel_evidence,
        'referrer ' || outside_host as referrer_evidence,
        case
            when revealed.source is not null or revealed.medium is not null then coalesce(revealed.source, '(not set)')
            when click_ids.parameter is not null then click_ids.source
            when source_channel is not null
                then case when channels.channel is distinct from 'Direct' then source_channel end
            when known_hosts.source is not null then known_hosts.source
            when outside_host like 'www.%' then substr(outside_host, 5)
            else outside_host
        end as source,
        case
            when revealed.source is not null or revealed.medium is not null then coalesce(revealed.medium, '(not set)')
            when click_ids.parameter is not null then click_ids.medium
            when source_channel is not null then '(not set)'
        end as given_medium,
        case
            when revealed.source is not null or revealed.medium is not null or click_ids.parameter is not null
                then revealed.campaign
        end as campaign
    from revealed
    left join bronze.click_ids as click_ids on revealed.click_id = click_ids.parameter
    left join silver.known_hosts as known_hosts
        on revealed.outside_host = known_hosts.host and known_hosts.kind = 'source'
    left join bronze.channels as channels on revealed.source_channel = channels.value
),

categorised as (
    select
        named.evidence_key, named.click_ids, named.click_id, named.source_channel, named.given_channel,
        named.source_evidence, named.click_evidence, named.channel_evidence, named.referrer_evidence, named.campaign,
        coalesce(aliases.source, named.source) as source,
        sources.category,
        case
            when named.source is null then null
            when given_medium is not null then given_medium
            when sources.category = 'SEARCH' then 'organic'
            when sources.category = 'AI' then 'ai-assistant'
            else 'referral'
        end as medium
    from named
    left join bronze.source_aliases as aliases on lower(named.source) = aliases.alias
    left join bronze.sources as sources on coalesce(aliases.source, lower(named.source)) = sources.source
),

-- In lower case, and with the patterns of GA4's table as columns.
prepared as (
    select
        categorised.*,
        lower(source) as source_word,
        lower(medium) as medium_word,
        nullif(regexp_extract(lower(medium), '^(.*cp.*|ppc|retargeting|paid.*)$', 1), '') is not null as is_paid,
        coalesce(category, '') = 'SHOPPING'
            or nullif(regexp_extract(lower(campaign), '(^shop|[^a-df-z]shop|shopping)', 1), '') is not null as is_shopping,
        nullif(regexp_extract(lower(medium), '^(.*video.*)$', 1), '') is not null as is_video_medium
    from categorised
),

overrides as (
    select prepared.source_word, prepared.medium_word, min(channel_overrides.channel) as channel
    from prepared
    inner join bronze.channel_overrides as channel_overrides
        on prepared.source_word = lower(channel_overrides.source)
        and (
            prepared.medium_word = lower(channel_overrides.medium) or coalesce(channel_overrides.medium, '') = ''
        )
    group by prepared.source_word, prepared.medium_word
)

-- GA4's default channel group: the first rule that holds, in Google's order. Each rule is quoted above its branch.
select
    row_number() over (order by prepared.evidence_key nulls first) as source_id,
    prepared.evidence_key, prepared.click_ids, prepared.click_id,
    prepared.source_evidence, prepared.click_evidence, prepared.channel_evidence, prepared.referrer_evidence,
    prepared.source, prepared.medium, prepared.campaign,
    case
        when prepared.source is null then null
        when overrides.channel is not null then overrides.channel
        -- the contract maps the values of a channel column to channels
        when source_evidence is null and click_evidence is null and source_channel is not null
            then coalesce(given_channel, 'Unassigned')
        -- "Source exactly matches (direct) AND Medium is one of ((not set), (none))": not evidence, see session_events
        -- "Campaign Name contains cross-network"
        when strpos(lower(campaign), 'cross-network') > 0 then 'Cross-network'
        -- "(Source matches a list of shopping sites OR Campaign Name matches regex
        -- ^(.*(([^a-df-z]|^)shop|shopping).*)$) AND Medium matches regex ^(.*cp.*|ppc|retargeting|paid.*)$"
        when is_shopping and is_paid then 'Paid Shopping'
        -- "Source matches a list of search sites AND Medium matches regex ^(.*cp.*|ppc|retargeting|paid.*)$"
        when category = 'SEARCH' and is_paid then 'Paid Search'
        -- "Source matches a regex list of social sites AND Medium matches regex ^(.*cp.*|ppc|retargeting|paid.*)$"
        when category = 'SOCIAL' and is_paid then 'Paid Social'
        -- "Source matches a list of video sites AND Medium matches regex ^(.*cp.*|ppc|retargeting|paid.*)$"
        when category = 'VIDEO' and is_paid then 'Paid Video'
        -- "Medium is one of (display, banner, expandable, interstitial, cpm)"
        when prepared.medium_word in ('display', 'banner', 'expandable', 'interstitial', 'cpm') then 'Display'
        -- "Medium matches regex ^(.*cp.*|ppc|retargeting|paid.*)$"
        when is_paid then 'Paid Other'
        -- "Source matches a list of shopping sites OR Campaign name matches regex
        -- ^(.*(([^a-df-z]|^)shop|shopping).*)$"
        when is_shopping then 'Organic Shopping'
        -- "Source matches a regex list of social sites OR Medium is one of (social, social-network, social-media, sm,
        -- social network, social media)"
        when category = 'SOCIAL' or prepared.medium_word in (
            'social', 'social-network', 'social-media', 'sm', 'social network', 'social media'
        ) then 'Organic Social'
        -- "Source matches a list of video sites OR Medium matches regex ^(.*video.*)$"
        when category = 'VIDEO' or is_video_medium then 'Organic Video'
        -- "Medium exactly matches ai-assistant", or the host of a known assistant
        when category = 'AI' or prepared.medium_word = 'ai-assistant' then 'AI Assistant'
        -- "Source matches a list of search sites OR Medium exactly matches organic"
        when category = 'SEARCH' or prepared.medium_word = 'organic' then 'Organic Search'
        -- "Medium is one of (referral, app, or link)"
        when prepared.medium_word in ('referral', 'app', 'link') then 'Referral'
        -- "Source = email|e-mail|e_mail|e mail OR Medium = email|e-mail|e_mail|e mail"
        when prepared.source_word in ('email', 'e-mail', 'e_mail', 'e mail')
            or prepared.medium_word in ('email', 'e-mail', 'e_mail', 'e mail') then 'Email'
        -- "Medium = affiliate|affiliates"
        when prepared.medium_word in ('affiliate', 'affiliates') then 'Affiliates'
        -- "Medium exactly matches audio"
        when prepared.medium_word = 'audio' then 'Audio'
        -- "Source exactly matches sms OR Medium exactly matches sms"
        when prepared.source_word = 'sms' or prepared.medium_word = 'sms' then 'SMS'
        -- "Medium ends with push OR Medium contains mobile or notification OR Source exactly matches firebase"
        when prepared.medium_word like '%push' or prepared.medium_word like '%mobile%'
            or prepared.medium_word like '%notification%' or prepared.source_word = 'firebase'
            then 'Mobile Push Notifications'
        -- "(Other)": anything else
        else 'Unassigned'
    end as channel
from prepared
left join overrides
    on prepared.source_word = overrides.source_word and prepared.medium_word = overrides.medium_word;


-- silver.judged_events: every usable event as a few numbers: its browser, its source, and its rank among events at
-- the same time.
create or replace table silver.judged_events as
with ties as (
    select
        simultaneous.event_id,
        row_number() over (
            partition by simultaneous.client_id, simultaneous.event_at, simultaneous.event
            order by simultaneous.content nulls first, simultaneous.time_text nulls first, simultaneous.event_id nulls first
        ) as number
    from silver.simultaneous as simultaneous
    left join silver.rejected_events as rejected on simultaneous.event_id = rejected.event_id
    where rejected.event_id is null
)

select
    events.event_id, events.client_id, events.event_at, events.event, events.source_session_id,
    events.is_tracked,
    -- Order a client's events at the same time by step, then by a hash of their content.
    100000 * case events.event
        when 'page_view' then 1 when 'signup' then 2 when 'cart' then 3 when 'checkout' then 4 when 'order' then 5 else 6
    end + coalesce(ties.number, 0) as tie,
    events.event = 'order' or confirmations.event_id is not null as is_purchase,
    sources.source_id,
    sources.channel is not null as has_evidence,
    coalesce(browsers.is_bot, false) as is_bot
from silver.parsed_events as events
left join silver.rejected_events as rejected on events.event_id = rejected.event_id
left join silver.confirmations as confirmations on events.event_id = confirmations.event_id
left join silver.sources as sources
    on case
        when confirmations.event_id is null then events.evidence_key else confirmations.evidence_key
    end = sources.evidence_key
left join silver.browsers as browsers on events.browser_id = browsers.browser_id
left join ties on events.event_id = ties.event_id
where rejected.event_id is null;


-- silver.session_events: the session of each event, and whether the event is a touch, in two readings: by the healed
-- id, and by the contract's column alone. The events of a session share a session id of the export, or have no gap of
-- {session_gap_minutes} minutes. Events without a client and events of declared crawlers have no session.
create or replace table silver.session_events as
with clients as (
    select
        client_id,
        count(*) as events,
        -- If the column alone has every id of a client, its sessions are the same in both readings.
        case when count(*) = sum(case when is_tracked then 1 else 0 end) then 'both' else 'healed' end as found_in
    from silver.judged_events
    where client_id is not null and not is_bot
    group by client_id
),

followed as (
    select clients.found_in, clients.events, events.*
    from silver.judged_events as events
    left join clients on events.client_id = clients.client_id and not events.is_bot
),

-- Most clients have one event, which needs no window: this halves the time of the statement.
windowed as (
    select
        found_in, client_id, source_session_id, event_id, event_at, tie, event, is_purchase, source_id, has_evidence
    from followed
    where events > 1
    union all
    select
        'as_tracked', client_id, source_session_id, event_id, event_at, tie, event, is_purchase, source_id, has_evidence
    from followed
    where events > 1 and found_in = 'healed' and is_tracked
),

started as (
    select
        *,
        row_number() over (
            partition by found_in, client_id, source_session_id order by event_at nulls first, tie nulls first
        ) as number,
        case
            when event_at < lag(event_at) over (
                partition by found_in, client_id, source_session_id order by event_at nulls first, tie nulls first
            ) + case
                when source_session_id is null then interval {session_gap_minutes} minute else interval 3650000 day
            end then 0
            else 1
        end as is_start
    from windowed
),

-- A session's id is the id of its first event.
numbered as (
    select
        found_in, event_id, event_at, event, tie, number, is_purchase, source_id, has_evidence,
        last_value(case when is_start = 1 then event_id end ignore nulls) over (
            partition by found_in, client_id, source_session_id order by event_at nulls first, tie nulls first
            rows between unbounded preceding and current row
        ) as session_id
    from started
),

-- All evidence that a source carries: the strongest, and the evidence that it outranks.
evidence as (
    {for kind in source click channel referrer, joined by union all}
    select
        source_id, {kind}_evidence as evidence,
        {kind}_evidence = coalesce(source_evidence, click_evidence, channel_evidence, referrer_evidence) as is_strongest
    from silver.sources
    where {kind}_evidence is not null
    {end}

    union all

    select sources.source_id, 'click id ' || lower(click_ids.parameter), false
    from silver.sources as sources
    inner join bronze.click_ids as click_ids
        on strpos(' ' || sources.click_ids || ' ', ' ' || click_ids.parameter || ' ') > 0
    where sources.click_id <> click_ids.parameter
),

-- The first event of a session with given evidence is a touch, unless the evidence is outranked there.
touches as (
    select numbered.found_in, numbered.session_id, min(numbered.number) as number
    from numbered
    inner join evidence on numbered.source_id = evidence.source_id
    group by numbered.found_in, numbered.session_id, evidence.evidence
    having min(numbered.number) = min(case when evidence.is_strongest then numbered.number end)

    union all

    -- Without evidence, a session has a Direct touch: its first event that is neither an order nor its confirmation.
    select found_in, session_id, min(case when not is_purchase then number end)
    from numbered
    group by found_in, session_id
    having max(case when has_evidence then 1 else 0 end) = 0
)

select
    numbered.found_in, numbered.session_id, numbered.event_id, numbered.event_at, numbered.event, numbered.tie,
    numbered.number, touches.number is not null as is_touch, false as is_single, numbered.source_id
from numbered
left join touches
    on numbered.found_in = touches.found_in and numbered.session_id = touches.session_id
    and numbered.number = touches.number

union all

select
    coalesce(found_in, 'none'), case when found_in is not null then event_id end, event_id, event_at, event, tie, 1,
    found_in is not null and (has_evidence or not is_purchase), found_in is not null, source_id
from followed
where events = 1 or events is null;


-- silver.events: one row per event: typed and healed, with its page, source, browser, session and touch.
create or replace table silver.events as
with tracked as (
    select event_id, session_id, is_touch
    from silver.session_events
    where found_in = 'as_tracked'
),

joined as (
    select
        parsed.event_id, parsed.client_id, parsed.is_tracked, parsed.event_at, parsed.event, parsed.event_name,
        parsed.source_session_id, parsed.host, parsed.path, parsed.query, parsed.is_confirmation_page, parsed.utm_content,
        parsed.utm_term, parsed.referrer, parsed.checkout_token, parsed.payload,
        parsed.utm_source, parsed.utm_medium, parsed.utm_campaign, parsed.referrer_host,
        coalesce(sources.click_id, substr(parsed.click_ids, 1, strpos(parsed.click_ids || ' ', ' ') - 1)) as click_id,
        sources.source, sources.medium, sources.campaign,
        sources.channel, browsers.device, browsers.operating_system, browsers.browser, browsers.is_bot, healed.tie,
        healed.session_id, healed.is_touch,
        case when healed.found_in = 'both' then healed.session_id else tracked.session_id end as session_id_as_tracked,
        case when healed.found_in = 'both' then healed.is_touch else tracked.is_touch end as is_touch_as_tracked,
        -- days and hours in the contract's time zone
        parsed.event_at{in_zone} as local_at,
        files.file_date
    from silver.parsed_events as parsed
    inner join silver.session_events as healed on parsed.event_id = healed.event_id and healed.found_in <> 'as_tracked'
    left join tracked on parsed.event_id = tracked.event_id
    left join silver.sources as sources on healed.source_id = sources.source_id
    left join silver.browsers as browsers on parsed.browser_id = browsers.browser_id
    left join bronze.files as files on parsed.event_id // 100000000 = files.file_id
)

select
    events.event_id,
    events.client_id,
    case when events.is_tracked then events.client_id end as client_id_as_tracked,
    events.event_at,
    events.tie,
    cast(events.local_at as date) as event_date,
    extract(hour from events.local_at) as event_hour,
    -- the day in gold
    case
        when events.file_date is null
            or events.local_at >= cast(events.file_date as timestamp) - interval 1 day
            and events.local_at < cast(events.file_date as timestamp) + interval 2 day
        then cast(events.local_at as date)
    end as day,
    events.event,
    events.event_name,
    events.source_session_id,
    events.session_id,
    events.session_id_as_tracked,
    events.host,
    events.path,
    events.query,
    coalesce(events.is_confirmation_page, false) as is_confirmation_page,
    {for field in utm_source utm_medium utm_campaign utm_content utm_term, joined by ,}
    coalesce(decoded_{field}.text, events.{field}) as {field}
    {end},
    events.click_id,
    events.referrer,
    events.referrer_host,
    events.source,
    events.medium,
    events.campaign,
    events.channel,
    case when events.is_touch then coalesce(events.channel, 'Direct') end as touch_channel,
    case when events.is_touch_as_tracked then coalesce(events.channel, 'Direct') end as touch_channel_as_tracked,
    coalesce(events.device, 'Other') as device,
    coalesce(events.operating_system, 'Other') as operating_system,
    coalesce(events.browser, 'Other') as browser,
    coalesce(events.is_bot, false) as is_bot,
    case when events.event in ('order', 'refund') then {transaction_id} end as transaction_id,
    case when events.event = 'order' then {amount} end as revenue,
    case when events.event = 'refund' then {amount} end as refund,
    case when events.event in ('order', 'refund') then {other_currency} end as other_currency,
    case when events.event in ('order', 'refund') then {other_amount} end as other_amount,
    case when events.event in ('order', 'refund', 'signup', 'checkout') then {customer} end as customer,
    events.checkout_token,
    case when events.event = 'order' then events.payload end as payload
from joined as events
{for field in utm_source utm_medium utm_campaign utm_content utm_term, joined by }
left join silver.decoded as decoded_{field} on events.{field} = decoded_{field}.value
{end};


-- silver.file_totals: what each file contained before any record was refused; the ledger starts from it.
create or replace table silver.file_totals as
select
    received.source_file,
    coalesce(event_roles.event, 'other') as event,
    count(*) as events,
    cast(sum(case when event_roles.event = 'order' then {amount} end) as decimal(18, 2)) as revenue
from silver.received as received
left join bronze.event_roles as event_roles on received.event_name = event_roles.event_name
group by received.source_file, coalesce(event_roles.event, 'other');


-- silver.files: what became of each file's records.
create or replace table silver.files as
with rejected as (
    select
        source_file,
        count(*) as rejected,
        sum(case when reason = 'exact repeat' then 1 else 0 end) as repeated
    from silver.rejected_events
    group by source_file
)

select
    files.name, files.file_date, files.records, files.unreadable,
    coalesce(rejected.rejected, 0) as rejected,
    cast(coalesce(rejected.repeated, 0) as bigint) as repeated,
    case
        when files.refused is not null then files.refused
        when files.records > 0 and rejected.rejected - rejected.repeated = files.records then 'has no usable records'
    end as refused
from bronze.files as files
left join rejected on files.name = rejected.source_file;


-- silver.received_orders: every order event, its status, and the amount that it adds to revenue.
-- event_data/orders.sql defines the statuses: counted, resubmission, amendment, possible duplicate, negative and
-- quarantined.
create or replace table silver.received_orders as
with order_events as (
    select
        event_id, event_at, transaction_id, checkout_token as checkout, customer, client_id as client, revenue as amount,
        other_currency,
        {order_key} as order_key
    from silver.events
    where event = 'order'
),

classified as (
    {classified_orders}
)

select
    events.event_id, events.transaction_id, events.client_id, events.client_id_as_tracked, events.event_at,
    events.event_date, events.day as order_date, events.session_id, events.session_id_as_tracked, events.revenue,
    events.other_currency, events.other_amount, events.customer, events.checkout_token, events.device,
    events.operating_system, events.browser, events.is_bot,
    classified.status,
    classified.reason,
    classified.reason as held_for,
    classified.order_id,
    classified.counted_amount as counted_revenue,
    classified.excluded_amount as excluded_revenue,
    -- the events that deduplicating by transaction id alone, keeping the first, would drop
    classified.is_repeated_id,
    classified.is_collision, classified.is_reused_id, classified.is_possible_duplicate
from classified
inner join silver.events as events on classified.event_id = events.event_id;


-- silver.sessions: one row per session, in two readings. A session converts when it has a counted order.
create or replace table silver.sessions as
with touches as (
    select
        found_in, session_id, event_id,
        lag(event_id) over (partition by found_in, session_id order by number nulls first) is null as is_first,
        lead(event_id) over (partition by found_in, session_id order by number nulls first) is null as is_last
    from silver.session_events
    where is_touch and not is_single
),

touched as (
    select
        found_in, session_id,
        max(case when is_first then event_id end) as first_touch_id,
        max(case when is_last then event_id end) as last_touch_id
    from touches
    group by found_in, session_id
),

counted as (
    select
        found_in, session_id,
        max(event_at) as ended_at,
        count(*) as events,
        {for step in page_view signup cart checkout order, joined by ,}
        sum(case when event = '{step}' then 1 else 0 end) as {step}s
        {end}
    from silver.session_events
    where not is_single and session_id is not null
    group by found_in, session_id
),

sessions as (
    select
        single.found_in, events.event_id as session_id, events.client_id, events.source_session_id,
        events.event_at as started_at, events.event_at as ended_at, 1 as events,
        {for step in page_view signup cart checkout order, joined by ,}
        case when events.event = '{step}' then 1 else 0 end as {step}s
        {end},
        events.event as first_event, path as landing_path, device, operating_system, browser,
        touch_channel as first_channel, source as first_source, medium as first_medium, campaign as first_campaign,
        touch_channel as last_channel, source as last_source, medium as last_medium, campaign as last_campaign, events.day
    from silver.session_events as single
    inner join silver.events as events on single.event_id = events.event_id
    where single.is_single

    union all

    select
        counted.found_in, counted.session_id, opening.client_id, opening.source_session_id, opening.event_at,
        counted.ended_at, counted.events, counted.page_views, counted.signups, counted.carts, counted.checkouts,
        counted.orders, opening.event, opening.path, opening.device, opening.operating_system, opening.browser,
        case when touched.first_touch_id is not null then coalesce(first_touch.channel, 'Direct') end,
        first_touch.source, first_touch.medium, first_touch.campaign,
        case when touched.last_touch_id is not null then coalesce(last_touch.channel, 'Direct') end,
        last_touch.source, last_touch.medium, last_touch.campaign, opening.day
    from counted
    inner join silver.events as opening on counted.session_id = opening.event_id
    left join touched on counted.found_in = touched.found_in and counted.session_id = touched.session_id
    left join silver.events as first_touch on touched.first_touch_id = first_touch.event_id
    left join silver.events as last_touch on touched.last_touch_id = last_touch.event_id
),

session_readings as (
    select 'both' as found_in, 'healed' as reading
    union all
    select 'both', 'as_tracked'
    union all
    select 'healed', 'healed'
    union all
    select 'as_tracked', 'as_tracked'
),

bought as (
    select 'healed' as reading, session_id, count(*) as orders
    from silver.received_orders
    where status = 'counted'
    group by session_id
    union all
    select 'as_tracked', session_id_as_tracked, count(*)
    from silver.received_orders
    where status = 'counted'
    group by session_id_as_tracked
)

select
    session_readings.reading, sessions.session_id, client_id, source_session_id, started_at, ended_at,
    cast(started_at{in_zone} as date) as session_date,
    day,
    {for counts in events page_views signups carts checkouts, joined by ,}
    cast(sessions.{counts} as bigint) as {counts}
    {end},
    cast(sessions.orders as bigint) as order_events,
    coalesce(bought.orders, 0) as orders,
    first_event, landing_path, device, operating_system, browser,
    {for place in first last, joined by ,}
    {place}_channel,
    case {place}_channel when 'Direct' then '(direct)' else {place}_source end as {place}_source,
    case {place}_channel when 'Direct' then '(none)' else {place}_medium end as {place}_medium,
    {place}_campaign
    {end}
from sessions
inner join session_readings on sessions.found_in = session_readings.found_in
left join bought on session_readings.reading = bought.reading and sessions.session_id = bought.session_id;


-- silver.links: the e-mail hashes and checkouts of each client.
create or replace table silver.links as
with keyed as (
    select client_id, 'customer' as kind, customer as value
    from silver.events
    where client_id is not null and customer is not null and not is_bot

    union distinct

    select client_id, 'checkout', checkout_token
    from silver.events
    where client_id is not null and checkout_token is not null and not is_bot
),

shared as (
    select kind, value, count(*) as clients
    from keyed
    group by kind, value
),

devices as (
    select client_id, count(*) as customers
    from keyed
    where kind = 'customer'
    group by client_id
)

select
    keyed.client_id, keyed.kind, keyed.value, shared.clients,
    coalesce(devices.customers, 0) as customers,
    -- many ids share the hash of a till or a test, which is not a person; many customers share a kiosk
    shared.clients > {most_clients_of_a_person} or coalesce(devices.customers, 0) > {most_customers_of_a_device} as is_refused
from keyed
inner join shared on keyed.kind = shared.kind and keyed.value = shared.value
left join devices on keyed.client_id = devices.client_id;


-- silver.people: the stitched reading: each client's person, named by the smallest client id within four links.
create or replace table silver.people as
with links as (
    select client_id, kind, value
    from silver.links
    where not is_refused
),

people_0 as (
    select distinct client_id, client_id as person_id from links
),

{for n in 1 2 3 4, joined by ,}
keys_{n} as (
    select links.kind, links.value, min(people.person_id) as person_id
    from links
    inner join people_{n-1} as people on links.client_id = people.client_id
    group by links.kind, links.value
),

people_{n} as (
    select links.client_id, min(keys.person_id) as person_id
    from links
    inner join keys_{n} as keys on links.kind = keys.kind and links.value = keys.value
    group by links.client_id
)
{end}

select client_id, person_id
from people_4;


-- silver.orders: one row per counted order, with what was recorded of its client before it.
create or replace table silver.orders as
with counted as (
    select *
    from silver.received_orders
    where status = 'counted'
),

buyers as (
    select distinct client_id
    from counted
    where client_id is not null
),

seen as (
    select
        events.client_id,
        min(event_at) as first_event_at,
        min(case when event = 'page_view' and not is_confirmation_page then event_at end) as first_page_view_at,
        min(case when event = 'cart' then event_at end) as first_cart_at,
        min(case when event = 'checkout' then event_at end) as first_checkout_at,
        min(case when client_id_as_tracked is not null then event_at end) as first_tracked_event_at,
        min(case when client_id_as_tracked is not null and event = 'page_view' then event_at end) as first_tracked_page_view_at
    from silver.events as events
    inner join buyers on events.client_id = buyers.client_id
    group by events.client_id
),

-- A confirmation page counts as an earlier page view only for orders of other checkouts.
confirmed as (
    select distinct counted.event_id
    from counted
    inner join silver.events as pages
        on counted.client_id = pages.client_id and counted.checkout_token <> pages.checkout_token
        and pages.event_at < counted.event_at
    where pages.is_confirmation_page and pages.event = 'page_view'
),

starts as (
    select checkout_token, min(event_at) as started_at
    from silver.events
    where event = 'checkout' and checkout_token is not null
    group by checkout_token
),

key_people as (
    select links.kind, links.value, min(people.person_id) as person_id
    from silver.links as links
    inner join silver.people as people on links.client_id = people.client_id
    where not links.is_refused
    group by links.kind, links.value
),

data_start as (
    select min(file_date) as first_date
    from bronze.files
),

resubmitted as (
    select transaction_id, count(*) as resubmissions
    from silver.received_orders
    where status = 'resubmission'
    group by transaction_id
)

select
    counted.event_id as order_id,
    counted.transaction_id,
    counted.client_id,
    counted.client_id_as_tracked,
    case
        when counted.client_id is not null then coalesce(people.person_id, counted.client_id)
        when by_checkout.person_id < by_customer.person_id then by_checkout.person_id
        else coalesce(by_customer.person_id, by_checkout.person_id)
    end as person_id,
    counted.event_at as ordered_at,
    counted.order_date,
    counted.session_id,
    -- zero if the contract maps no amount
    cast(coalesce(counted.counted_revenue, 0) as decimal(12, 2)) as revenue,
    counted.customer,
    counted.checkout_token,
    counted.device,
    counted.operating_system,
    counted.browser,
    counted.is_bot,
    counted.is_collision,
    counted.is_possible_duplicate,
    coalesce(resubmitted.resubmissions, 0) as resubmissions_of_id,
    coalesce(seen.first_event_at < counted.event_at, false) as has_earlier_event,
    coalesce(seen.first_page_view_at < counted.event_at, false) or confirmed.event_id is not null as has_earlier_page_view,
    coalesce(seen.first_cart_at < counted.event_at, false) as has_earlier_cart,
    coalesce(seen.first_checkout_at < counted.event_at, false) or coalesce(starts.started_at < counted.event_at, false) as has_earlier_checkout,
    counted.client_id_as_tracked is not null and coalesce(seen.first_tracked_event_at < counted.event_at, false) as has_earlier_event_as_tracked,
    counted.client_id_as_tracked is not null and coalesce(seen.first_tracked_page_view_at < counted.event_at, false) as has_earlier_page_view_as_tracked,
    counted.event_at - interval {window_days} day < cast(data_start.first_date as timestamp) as window_cut_off
from counted
cross join data_start
left join confirmed on counted.event_id = confirmed.event_id
left join seen on counted.client_id = seen.client_id
left join starts on counted.checkout_token = starts.checkout_token
left join silver.people as people on counted.client_id = people.client_id
left join key_people as by_checkout on by_checkout.kind = 'checkout' and counted.checkout_token = by_checkout.value
left join key_people as by_customer on by_customer.kind = 'customer' and counted.customer = by_customer.value
left join resubmitted on counted.transaction_id = resubmitted.transaction_id;


-- silver.order_items: one row per line of a counted order; the amount is that of the line, not of one piece.
create or replace table silver.order_items as
with payloads as (
    -- the line items of the first event that has the counted amount
    select orders.order_id, orders.order_date, events.payload
    from silver.orders as orders
    inner join silver.received_orders as received
        on orders.order_id = received.order_id
        and ({rows_are_lines} or orders.revenue = coalesce(received.revenue, 0))
    inner join silver.events as events on received.event_id = events.event_id
    where events.payload is not null
    qualify {rows_are_lines} or row_number() over (
        partition by orders.order_id
        order by events.event_at nulls first, events.payload nulls first, events.event_id nulls first
    ) = 1
),

lines as (
    {for each line of an order}
    select
        order_id, order_date, {n} as line_number,
        {item_id} as item_id,
        {item_name} as item_name,
        {item_variant} as item_variant,
        -- rounded as a decimal, because only some engines read '2.0' as a whole number
        cast(round(try_cast({quantity} as decimal(12, 2))) as bigint) as quantity,
        try_cast({line_amount} as decimal(12, 2)) as given_amount
    from payloads
    {end}
)

select
    order_id, order_date, line_number, item_id, item_name, item_variant, quantity,
    cast(given_amount * {pieces} as decimal(12, 2)) as amount
from lines
where
    item_id is not null or item_name is not null or item_variant is not null or quantity is not null
    or given_amount is not null;


-- silver.clients: one row per visitor of the healed reading, with the first and the last event.
create or replace table silver.clients as
with sessions as (
    select *
    from silver.sessions
    where reading = 'healed'
),

-- Most visitors come once; only the others need a sum.
returning_clients as (
    select
        client_id,
        max(ended_at) as last_seen_at,
        count(*) as sessions,
        {for counts in page_views carts checkouts, joined by ,}
        cast(sum({counts}) as bigint) as {counts}
        {end}
    from sessions
    group by client_id
    having count(*) > 1
),

numbered as (
    select
        sessions.client_id, sessions.session_id,
        row_number() over (
            partition by sessions.client_id order by sessions.started_at nulls first, sessions.session_id nulls first
        ) as number
    from sessions
    inner join returning_clients on sessions.client_id = returning_clients.client_id
),

bought as (
    select client_id, count(*) as orders, cast(sum(revenue) as decimal(18, 2)) as revenue
    from silver.orders
    where client_id is not null
    group by client_id
)

select
    sessions.client_id,
    sessions.started_at as first_seen_at,
    coalesce(returning_clients.last_seen_at, sessions.ended_at) as last_seen_at,
    sessions.day as first_date,
    sessions.device, sessions.operating_system, sessions.browser, sessions.first_channel,
    coalesce(returning_clients.sessions, 1) as sessions,
    {for counts in page_views carts checkouts, joined by ,}
    coalesce(returning_clients.{counts}, sessions.{counts}) as {counts}
    {end},
    coalesce(bought.orders, 0) as orders,
    coalesce(bought.revenue, 0) as revenue
from sessions
left join returning_clients on sessions.client_id = returning_clients.client_id
left join numbered on sessions.session_id = numbered.session_id
left join bought on sessions.client_id = bought.client_id
where returning_clients.client_id is null or numbered.number = 1;


-- silver.readings: the ways to read identities; `sessions_of` names the reading whose sessions apply.
create or replace table silver.readings as
select reading, sessions_of
from (values ('as_tracked', 'as_tracked'), ('healed', 'healed'), ('stitched', 'healed')) as readings (reading, sessions_of);


-- silver.models: the ways to share out an order's revenue.
create or replace table silver.models as
select model
from (values
    ('first_click'), ('last_click'), ('last_non_direct'), ('linear'), ('position_based'), ('time_decay')
) as models (model);


-- silver.order_touches: the path of each order, first to last: all touches of its client in the {window_days} days
-- before it, both ends included, in three readings.
create or replace table silver.order_touches as
with identified as (
    select
        readings.reading, orders.order_id, orders.ordered_at,
        case readings.reading
            when 'as_tracked' then orders.client_id_as_tracked when 'healed' then orders.client_id else orders.person_id
        end as identity
    from silver.orders as orders
    cross join silver.readings as readings
),

-- Each person's clients; a client without links is a person of its own.
clients_of as (
    select reading, order_id, ordered_at, identity as client_id
    from identified
    where identity is not null

    union distinct

    select identified.reading, identified.order_id, identified.ordered_at, people.client_id
    from identified
    inner join silver.people as people on identified.identity = people.person_id
    where identified.reading = 'stitched'
),

path as (
    select
        clients_of.reading, clients_of.order_id, clients_of.ordered_at, events.client_id, events.event_id, events.event_at,
        events.tie,
        case clients_of.reading when 'as_tracked' then events.session_id_as_tracked else events.session_id end as session_id,
        case clients_of.reading when 'as_tracked' then events.touch_channel_as_tracked else events.touch_channel end
            as channel,
        events.source, events.medium, events.campaign
    from clients_of
    inner join silver.events as events on clients_of.client_id = events.client_id
    where
        events.touch_channel is not null and clients_of.reading <> 'as_tracked'
        or events.touch_channel_as_tracked is not null and clients_of.reading = 'as_tracked'
)

select
    reading, order_id, session_id, event_id, event_at as touched_at,
    coalesce(source, '(direct)') as source,
    coalesce(medium, '(none)') as medium,
    campaign, channel,
    row_number() over (
        partition by reading, order_id order by event_at nulls first, tie nulls first, client_id nulls first
    ) as position,
    count(*) over (partition by reading, order_id) as touches,
    -- whole seconds from the touch to the order
    date_diff('day', cast(event_at as date), cast(ordered_at as date)) * 86400
    + (extract(hour from ordered_at) - extract(hour from event_at)) * 3600
    + (extract(minute from ordered_at) - extract(minute from event_at)) * 60
    + cast(floor(extract(second from ordered_at)) - floor(extract(second from event_at)) as bigint)
        as seconds_before_order
from path
where event_at >= ordered_at - interval {window_days} day and event_at <= ordered_at;


-- gold.attribution: each order's revenue, shared out to its touches, in six models and three readings.
create or replace table gold.attribution as
with last_known as (
    select reading, order_id, max(case when channel <> 'Direct' then position end) as position
    from silver.order_touches
    group by reading, order_id
),

weighted as (
    select
        touches.*,
        models.model,
        case models.model
            when 'first_click' then case when touches.position = 1 then 1 else 0 end
            when 'last_click' then case when touches.position = touches.touches then 1 else 0 end
            when 'last_non_direct' then
                case when touches.position = coalesce(last_known.position, touches.touches) then 1 else 0 end
            when 'linear' then 1
            -- 40 % to the first, 40 % to the last, 20 % between those in the middle
            when 'position_based' then case
                when touches.touches <= 2 then 1
                when touches.position in (1, touches.touches) then 2 * (touches.touches - 2)
                else 1
            end
            -- halves in seven days
            else cast(round(1000000 * power(0.5, cast(touches.seconds_before_order as double) / 604800)) as bigint)
        end as weight
    from silver.order_touches as touches
    inner join last_known on touches.reading = last_known.reading and touches.order_id = last_known.order_id
    cross join silver.models as models
),

running as (
    select
        *,
        cast(sum(weight) over (
            partition by reading, order_id, model order by position nulls first
            rows between unbounded preceding and current row
        ) as bigint) as weight_so_far,
        cast(sum(weight) over (partition by reading, order_id, model) as bigint) as whole_weight
    from weighted
),

-- Rounding the running totals instead of the shares makes the credit sum to the order's revenue, to the cent.
shared as (
    select
        running.*,
        orders.transaction_id, orders.order_date, orders.revenue,
        cast(orders.revenue * 100 as bigint) * weight_so_far // whole_weight as cents_so_far,
        cast(orders.revenue * 100 as bigint) * (weight_so_far - weight) // whole_weight as cents_before,
        10000 * weight_so_far // whole_weight as parts_so_far,
        10000 * (weight_so_far - weight) // whole_weight as parts_before
    from running
    inner join silver.orders as orders on running.order_id = orders.order_id
    where weight > 0
)

select
    order_id, transaction_id, order_date, model, reading, position, session_id, event_id, touched_at, channel, source, medium,
    campaign,
    cast(cast(cents_so_far - cents_before as decimal(18, 2)) * 0.01 as decimal(12, 2)) as credit,
    cast(cast(parts_so_far - parts_before as decimal(18, 2)) * 0.0001 as decimal(12, 4)) as order_share
from shared

union all

select
    orders.order_id, orders.transaction_id, orders.order_date, models.model, readings.reading, null, null, null, null, 'Unattributed',
    null, null, null, orders.revenue, cast(1 as decimal(12, 4))
from silver.orders as orders
cross join silver.readings as readings
cross join silver.models as models
left join last_known on readings.reading = last_known.reading and orders.order_id = last_known.order_id
where last_known.order_id is null;


-- gold.no_known_source: orders without a known source, and why: Direct, or Unattributed with the first reason that
-- holds.
create or replace table gold.no_known_source as
with touched as (
    select reading, order_id, sum(case when channel <> 'Direct' then 1 else 0 end) as known_touches
    from silver.order_touches
    group by reading, order_id
)

select
    orders.order_id, orders.transaction_id, orders.order_date, readings.reading,
    case when touched.order_id is null then 'Unattributed' else 'Direct' end as channel,
    case
        when touched.order_id is not null then 'direct only'
        when case readings.reading
            when 'as_tracked' then orders.client_id_as_tracked when 'healed' then orders.client_id else orders.person_id
        end is null then 'no id'
        when orders.window_cut_off then 'window cut off'
        else 'no touch in the window'
    end as reason,
    orders.revenue
from silver.orders as orders
cross join silver.readings as readings
left join touched on readings.reading = touched.reading and orders.order_id = touched.order_id
where coalesce(touched.known_touches, 0) = 0;


-- gold.unattributed: orders without a touch, and the reason.
create or replace table gold.unattributed as
select order_id, transaction_id, order_date, reading, reason, revenue
from gold.no_known_source
where channel = 'Unattributed';


-- gold.channel_sessions: the sessions that each channel began, and those of them that converted, by day, in two
-- readings.
create or replace table gold.channel_sessions as
select
    day as date, reading, coalesce(first_channel, 'Unattributed') as channel,
    count(*) as sessions,
    cast(sum(case when orders > 0 then 1 else 0 end) as bigint) as conversions
from silver.sessions
group by day, reading, coalesce(first_channel, 'Unattributed');


-- gold.channel_credit: the orders and revenue credited to each channel, by day, model and reading.
create or replace table gold.channel_credit as
select
    order_date as date, model, reading, channel,
    cast(sum(order_share) as decimal(18, 4)) as orders,
    cast(sum(credit) as decimal(18, 2)) as revenue
from gold.attribution
group by order_date, model, reading, channel;


-- gold.channel_performance: deprecated, because it repeats the sessions for each model; use gold.channel_sessions and
-- gold.channel_credit. The next version drops it.
create or replace table gold.channel_performance as
with visits as (
    select
        day as date, reading, coalesce(first_channel, 'Unattributed') as channel, count(*) as sessions,
        count(distinct client_id) as clients
    from silver.sessions
    group by day, reading, coalesce(first_channel, 'Unattributed')
),

unioned as (
    select date, model, reading, channel, 0 as sessions, 0 as clients, orders, revenue
    from gold.channel_credit
    union all
    select visits.date, models.model, readings.reading, visits.channel, visits.sessions, visits.clients, 0, 0
    from visits
    inner join silver.readings as readings on visits.reading = readings.sessions_of
    cross join silver.models as models
)

select
    date, model, reading, channel,
    cast(sum(sessions) as bigint) as sessions,
    cast(sum(clients) as bigint) as clients,
    cast(sum(orders) as decimal(18, 4)) as orders,
    cast(sum(revenue) as decimal(18, 2)) as revenue
from unioned
group by date, model, reading, channel;


-- gold.funnel: the recorded steps of sessions and of clients. A step that is missing before a later one was not
-- recorded; it was not skipped.
create or replace table gold.funnel as
with units as (
    select
        'session' as unit, day as date, device, coalesce(first_channel, 'Unattributed') as channel,
        page_views, carts, checkouts, orders, cast(null as decimal(18, 2)) as revenue
    from silver.sessions
    where reading = 'healed'

    union all

    select 'client', first_date, device, coalesce(first_channel, 'Unattributed'), page_views, carts, checkouts, orders, revenue
    from silver.clients

    union all

    -- orders without a session: those without an id, and those of declared crawlers
    select 'order without id', order_date, device, 'Unattributed', 0, 0, 0, 1, revenue
    from silver.orders
    where client_id is null or is_bot
),

steps as (
    select
        unit, date, device, channel, orders, revenue,
        case when page_views > 0 then ' > page_view' else '' end
        || case when carts > 0 then ' > cart' else '' end
        || case when checkouts > 0 then ' > checkout' else '' end
        || case when orders > 0 then ' > order' else '' end as recorded,
        case
            when orders > 0 then 'order'
            when checkouts > 0 then 'checkout'
            when carts > 0 then 'cart'
            when page_views > 0 then 'page_view'
            else 'none'
        end as furthest_step,
        case
            when orders > 0 then page_views > 0 and carts > 0 and checkouts > 0
            when checkouts > 0 then page_views > 0 and carts > 0
            when carts > 0 then page_views > 0
            else true
        end as is_recorded_whole
    from units
)

select
    date, unit, device, channel,
    case when recorded = '' then 'none' else substr(recorded, 4) end as path,
    furthest_step, is_recorded_whole,
    count(*) as units,
    cast(sum(orders) as bigint) as orders,
    cast(sum(revenue) as decimal(18, 2)) as revenue
from steps
group by
    date, unit, device, channel, case when recorded = '' then 'none' else substr(recorded, 4) end, furthest_step,
    is_recorded_whole;


-- gold.products: what was bought, by day. Lines without a price are counted separately; no price is guessed.
create or replace table gold.products as
select
    order_date as date, item_id, item_name, item_variant,
    count(distinct order_id) as orders,
    cast(sum(quantity) as bigint) as units,
    count(*) as lines,
    cast(sum(case when amount is null then 1 else 0 end) as bigint) as lines_without_amount,
    cast(sum(amount) as decimal(18, 2)) as revenue
from silver.order_items
group by order_date, item_id, item_name, item_variant;


-- silver.event_counts: counts of events per hour and combination of segments.
create or replace table silver.event_counts as
with events as (
    select
        day as event_date, event_hour, event, device, operating_system, browser, is_bot,
        -- /products from /products/puffy-mattress
        case
            when path is null then 'unknown'
            when strpos(substr(path, 2), '/') > 0 then substr(path, 1, strpos(substr(path, 2), '/'))
            else path
        end as section,
        coalesce(channel, 'none') as channel,
        client_id, client_id_as_tracked, referrer_host, utm_source, utm_medium, click_id
    from silver.events
)

select
    event_date, event_hour, event, device, operating_system, browser, is_bot, section, channel,
    count(*) as events,
    count(client_id) as with_client,
    count(client_id_as_tracked) as with_tracked_client,
    count(referrer_host) as with_referrer,
    cast(sum(case when utm_source is not null or utm_medium is not null then 1 else 0 end) as bigint) as with_utm,
    count(click_id) as with_click_id
from events
group by event_date, event_hour, event, device, operating_system, browser, is_bot, section, channel;


-- silver.event_metrics: the metrics of events by hour, for every segment that may explain a change.
create or replace table silver.event_metrics as
-- Each metric: its name, its numerator, and the denominator if it is a share.
{table metrics}
    events                             | sum(events)                                                                     | null
    page_views                         | sum(case when event = 'page_view' and not is_bot then events else 0 end)        | null
    signups                            | sum(case when event = 'signup' and not is_bot then events else 0 end)           | null
    carts                              | sum(case when event = 'cart' and not is_bot then events else 0 end)             | null
    checkouts                          | sum(case when event = 'checkout' and not is_bot then events else 0 end)         | null
    order_events                       | sum(case when event = 'order' then events else 0 end)                           | null
    crawler_share                      | sum(case when is_bot then events else 0 end)                                    | events
    crawler_share_of_checkout          | sum(case when is_bot and event in ('checkout', 'order') then events else 0 end) | checkout_events
    unknown_event_share                | sum(case when event = 'other' then events else 0 end)                           | events
    client_id_missing_share            | sum(events - with_client)                                                       | events
    client_id_missing_share_as_tracked | sum(events - with_tracked_client)                                               | events
    referrer_missing_share             | sum(events - with_referrer)                                                     | events
    utm_share                          | sum(with_utm)                                                                   | events
    click_id_share                     | sum(with_click_id)                                                              | events
{end}
with segmented as (
    select 'all' as segment_kind, 'all' as segment, counts.* from silver.event_counts as counts
    union all
    {for kind in event device operating_system browser section channel, joined by union all}
    select '{kind}', {kind}, counts.* from silver.event_counts as counts
    {end}
),

summed as (
    select
        event_date as date, event_hour as hour, segment_kind, segment,
        sum(case when event in ('checkout', 'order') then events else 0 end) as checkout_events,
        {for metric numerator denominator in metrics, joined by ,}
        {numerator} as {metric}
        {end}
    from segmented
    group by event_date, event_hour, segment_kind, segment
),

measured as (
    {for metric numerator denominator in metrics, joined by union all}
    select date, hour, '{metric}' as metric, segment_kind, segment, {metric} as numerator, {denominator} as denominator from summed
    {end}
)

select
    date, hour, metric, segment_kind, segment,
    cast(numerator as decimal(18, 2)) as numerator,
    cast(denominator as decimal(18, 2)) as denominator
from measured
where segment_kind = 'all' or coalesce(denominator, numerator) > 0;


-- gold.hourly_metrics: one row per hour, metric and segment; a share is numerator / denominator.
create or replace table gold.hourly_metrics as
select date, hour, metric, segment_kind, segment, numerator, denominator
from silver.event_metrics
where segment_kind in ('all', 'event', 'device');


-- gold.daily_metrics: the same by day, with the metrics of files, sessions and orders. Events more than one day off
-- their file's day belong to no day: their rows have no date.
create or replace table gold.daily_metrics as
-- Each metric: its name, its numerator, and the denominator if it is a share.
{table visit_metrics}
    sessions      | sum(sessions)               | null
    visitors      | sum(case when returning_client_id is null then sessions else 0 end) + count(distinct returning_client_id) | null
    conversion    | sum(sessions_with_order)    | sessions
    checkout_rate | sum(sessions_with_checkout) | sessions
    bounce_rate   | sum(bounces)                | sessions
{end}
{table order_metrics}
    orders                                 | count(*)                                                            | null
    revenue                                | sum(revenue)                                                        | null
    average_order_value                    | sum(revenue)                                                        | orders
    orders_without_event_share             | sum(case when has_earlier_event then 0 else 1 end)                  | orders
    orders_without_page_view_share         | sum(case when has_earlier_page_view then 0 else 1 end)              | orders
    orders_with_checkout_share             | sum(case when has_earlier_checkout then 1 else 0 end)               | orders
    collision_share                        | sum(case when is_collision then 1 else 0 end)                       | orders
    free_order_share                       | sum(case when revenue = 0 then 1 else 0 end)                        | orders
    revenue_without_event_share_as_tracked | sum(case when has_earlier_event_as_tracked then 0 else revenue end) | revenue
{end}
{table received_metrics}
    resubmission_share | sum(case when status in ('resubmission', 'amendment') then 1 else 0 end) | order_events
    held_order_share   | sum(case when status in ('quarantined', 'negative') then 1 else 0 end)   | order_events
{end}
{table item_metrics}
    line_amount_missing_share | sum(case when amount is null then 1 else 0 end)  | lines
    item_missing_share        | sum(case when item_id is null then 1 else 0 end) | lines
{end}
{table file_metrics}
    files            | count(*)        | null
    records          | sum(records)    | null
    unreadable_share | sum(unreadable) | records
    rejected_share   | sum(rejected)   | records
    repeated_share   | sum(repeated)   | records
{end}
with visits as (
    select
        day as date, client_id, device, operating_system, browser,
        coalesce(first_channel, 'Unattributed') as channel,
        case when orders > 0 then 1 else 0 end as has_order,
        case when checkouts > 0 then 1 else 0 end as has_checkout,
        case when page_views = 1 and events = 1 then 1 else 0 end as is_bounce
    from silver.sessions
    where reading = 'healed'
),

-- Nearly every visitor comes once a day and is counted with the visit; only the others need a distinct count.
returning_visitors as (
    select date, client_id
    from visits
    group by date, client_id
    having count(*) > 1
),

visit_counts as (
    select
        visits.date, device, operating_system, browser, channel,
        returning_visitors.client_id as returning_client_id,
        count(*) as sessions,
        sum(has_order) as sessions_with_order,
        sum(has_checkout) as sessions_with_checkout,
        sum(is_bounce) as bounces
    from visits
    left join returning_visitors
        on visits.client_id = returning_visitors.client_id and visits.date is not distinct from returning_visitors.date
    group by visits.date, device, operating_system, browser, channel, returning_visitors.client_id
),

visits_by_segment as (
    select 'all' as segment_kind, 'all' as segment, visit_counts.* from visit_counts
    union all
    {for kind in device operating_system browser channel, joined by union all}
    select '{kind}', {kind}, visit_counts.* from visit_counts
    {end}
),

visit_totals as (
    select
        date, segment_kind, segment,
        {for metric numerator denominator in visit_metrics, joined by ,}
        {numerator} as {metric}
        {end}
    from visits_by_segment
    group by date, segment_kind, segment
),

orders_by_segment as (
    select 'all' as segment_kind, 'all' as segment, orders.* from silver.orders as orders
    union all
    {for kind in device operating_system browser, joined by union all}
    select '{kind}', {kind}, orders.* from silver.orders as orders
    {end}
),

order_totals as (
    select
        order_date as date, segment_kind, segment,
        {for metric numerator denominator in order_metrics, joined by ,}
        {numerator} as {metric}
        {end}
    from orders_by_segment
    group by order_date, segment_kind, segment
),

-- Revenue by the channel of the last click, and revenue without a channel, in both readings.
channel_totals as (
    select
        date, reading, channel, revenue,
        case reading when 'healed' then '' else '_as_tracked' end as ending,
        sum(revenue) over (partition by date, reading) as whole_revenue
    from gold.channel_credit
    where model = 'last_click' and reading in ('as_tracked', 'healed')
),

received_totals as (
    select
        order_date as date, 'all' as segment_kind, 'all' as segment, count(*) as order_events,
        {for metric numerator denominator in received_metrics, joined by ,}
        {numerator} as {metric}
        {end}
    from silver.received_orders
    group by order_date
),

item_totals as (
    select
        order_date as date, 'all' as segment_kind, 'all' as segment, count(*) as lines,
        {for metric numerator denominator in item_metrics, joined by ,}
        {numerator} as {metric}
        {end}
    from silver.order_items
    group by order_date
),

file_totals as (
    select
        file_date as date, 'all' as segment_kind, 'all' as segment,
        {for metric numerator denominator in file_metrics, joined by ,}
        {numerator} as {metric}
        {end}
    from silver.files
    group by file_date
),

unioned as (
    select date, metric, segment_kind, segment, sum(numerator) as numerator, sum(denominator) as denominator
    from silver.event_metrics
    group by date, metric, segment_kind, segment

    {for metric numerator denominator in visit_metrics, joined by }
    union all
    select date, '{metric}', segment_kind, segment, {metric}, {denominator} from visit_totals
    {end}

    {for metric numerator denominator in order_metrics, joined by }
    union all
    select date, '{metric}', segment_kind, segment, {metric}, {denominator} from order_totals
    {end}

    {for metric numerator denominator in received_metrics, joined by }
    union all
    select date, '{metric}', segment_kind, segment, {metric}, {denominator} from received_totals
    {end}

    {for metric numerator denominator in item_metrics, joined by }
    union all
    select date, '{metric}', segment_kind, segment, {metric}, {denominator} from item_totals
    {end}

    {for metric numerator denominator in file_metrics, joined by }
    union all
    select date, '{metric}', segment_kind, segment, {metric}, {denominator} from file_totals
    {end}

    union all
    select date, 'revenue_by_channel' || ending, 'channel', channel, revenue, null from channel_totals
    {for kind in Unattributed Direct, joined by }
    union all
    select
        date, lower('{kind}') || '_share' || ending, 'all', 'all', sum(case when channel = '{kind}' then revenue else 0 end),
        max(whole_revenue)
    from channel_totals
    group by date, ending
    {end}
),

-- The owner's checkout completion: order events / checkout starts.
completions as (
    select
        orders.date, 'completions_per_start' as metric, 'all' as segment_kind, 'all' as segment,
        orders.numerator, checkouts.numerator as denominator
    from unioned as orders
    inner join unioned as checkouts
        on orders.date is not distinct from checkouts.date and checkouts.metric = 'checkouts'
        and checkouts.segment_kind = 'all'
    where orders.metric = 'order_events' and orders.segment_kind = 'all'
),

everything as (
    select * from unioned
    union all
    select * from completions
)

select
    date, metric, segment_kind, segment,
    cast(numerator as decimal(18, 2)) as numerator,
    cast(denominator as decimal(18, 2)) as denominator
from everything;


-- gold.ledger: revenue from the files to the orders, with every dollar on a named line. Gross minus the lines below
-- it equals counted. A difference is revenue that was lost or added on the way.
create or replace table gold.ledger as
with lines as (
    select 1 as section, 'gross' as line, events as orders, revenue as amount
    from silver.file_totals
    where event = 'order'

    union all

    select
        case when reason = 'exact repeat' then 2 else 3 end,
        case when reason = 'exact repeat' then 'exact repeats' else 'rejected: ' || reason end,
        -1, -revenue
    from silver.rejected_events
    where event = 'order'

    union all

    select
        case status
            when 'quarantined' then 4
            when 'resubmission' then 5
            when 'amendment' then 6
            when 'possible duplicate' then 7
            when 'order line' then 9
            else 8
        end,
        case status
            when 'quarantined' then 'quarantined: ' || reason
            when 'resubmission' then 'resubmissions'
            when 'amendment' then 'amendments'
            when 'possible duplicate' then 'possible duplicates not counted'
            when 'order line' then 'further lines of orders'
            else status
        end,
        -1, -excluded_revenue
    from silver.received_orders
    where status <> 'counted'

    union all

    select 10, 'counted', 1, revenue
    from silver.orders

    union all

    select 12, 'of counted: ids that collide', 1, counted_revenue
    from silver.received_orders
    where is_collision

    union all

    select 13, 'of counted: possible duplicates', 1, counted_revenue
    from silver.received_orders
    where status = 'counted' and is_possible_duplicate

    union all

    select 14, 'deduplicating by transaction id alone would remove', 1, revenue
    from silver.received_orders
    where is_repeated_id

    union all

    select 15, 'not counted: orders in ' || other_currency, 1, other_amount
    from silver.received_orders
    where other_currency is not null

    union all

    -- exports differ in the sign of a refund; here it is always negative
    select
        case when other_currency is null then 16 else 17 end,
        case when other_currency is null then 'refunds' else 'refunds in ' || other_currency end,
        1, -abs(coalesce(refund, other_amount))
    from silver.events
    where event = 'refund'
),

difference as (
    select
        sum(case when section < 10 then orders when section = 10 then -orders end) as orders,
        sum(case when section < 10 then amount when section = 10 then -amount end) as amount
    from lines
),

-- the fixed lines appear even if they are zero
shown as (
    select section, line, orders, amount from lines
    union all
    select 11, 'difference', orders, amount from difference
    union all
    select section, line, 0, 0
    from (values
        (1, 'gross'), (2, 'exact repeats'), (3, 'rejected: no readable time'), (4, 'quarantined: no transaction id'),
        (4, 'quarantined: no readable amount'), (5, 'resubmissions'), (6, 'amendments'),
        (7, 'possible duplicates not counted'), (8, 'negative'), (10, 'counted'), (12, 'of counted: ids that collide'),
        (13, 'of counted: possible duplicates'), (14, 'deduplicating by transaction id alone would remove'), (16, 'refunds')
    ) as fixed (section, line)
),

summed as (
    select section, line, coalesce(sum(orders), 0) as orders, coalesce(sum(amount), 0) as amount
    from shown
    group by section, line
)

select
    row_number() over (order by section nulls first, line nulls first) as position, line,
    cast(orders as bigint) as orders,
    cast(amount as decimal(18, 2)) as amount
from summed;


-- gold.headline_figures: the headline figures and their definitions, as tracked and healed.
create or replace table gold.headline_figures as
with received as (
    select
        sum(case when event = 'page_view' then events else 0 end) as page_views,
        sum(case when event = 'checkout' then events else 0 end) as checkouts,
        sum(case when event = 'order' then events else 0 end) as order_events
    from silver.file_totals
),

people as (
    select
        sum(case when metric = 'sessions' then numerator end) as sessions,
        sum(case when metric = 'conversion' then numerator end) as sessions_with_order
    from gold.daily_metrics
    where segment_kind = 'all'
),

orders as (
    select
        count(*) as orders,
        sum(revenue) as revenue,
        sum(case when has_earlier_event then 0 else revenue end) as revenue_without_event,
        sum(case when has_earlier_event_as_tracked then 0 else revenue end) as revenue_without_event_as_tracked,
        sum(case when has_earlier_page_view then 0 else 1 end) as orders_without_page_view,
        sum(case when has_earlier_page_view_as_tracked then 0 else 1 end) as orders_without_page_view_as_tracked,
        sum(case when has_earlier_checkout then 1 else 0 end) as orders_with_start
    from silver.orders
),

starts as (
    select count(distinct coalesce(checkout_token, cast(event_id as varchar))) as checkouts
    from silver.events
    where event = 'checkout' and not is_bot
),

unknown as (
    select
        sum(case when reading = 'as_tracked' then revenue else 0 end) as revenue_as_tracked,
        sum(case when reading = 'healed' then revenue else 0 end) as revenue_healed
    from gold.no_known_source
),

-- Some hosts hidden by the shop's hash are payment providers or search engines that no list has.
hidden as (
    select sum(credit) as revenue
    from gold.attribution
    where reading = 'healed' and model = 'last_non_direct' and source like 'source-%.com' and {hosts_are_hidden}
),

ledger as (
    select
        sum(case when line = 'deduplicating by transaction id alone would remove' then amount end) as removed,
        sum(case when line = 'resubmissions' then -amount end) as resubmitted
    from gold.ledger
),

figures as (
    select 1 as position, 'conversion' as figure, 'as_tracked' as reading, 'order events / page views, as received' as definition,
        order_events as numerator, page_views as denominator
    from received
    union all
    select 2, 'conversion', 'healed', 'sessions with a counted order / sessions, without declared crawlers', sessions_with_order, sessions
    from people
    union all
    select 3, 'checkout completion', 'as_tracked', 'order events / checkout starts, as received', order_events, checkouts
    from received
    union all
    select 4, 'checkout completion', 'healed', 'orders whose start was recorded / checkouts started, each once', orders_with_start, checkouts
    from orders
    cross join starts
    union all
    select 5, 'revenue without an earlier event', 'as_tracked', 'by the column alone', revenue_without_event_as_tracked, revenue
    from orders
    union all
    select 6, 'revenue without an earlier event', 'healed', 'by the healed id', revenue_without_event, revenue
    from orders
    union all
    select 7, 'orders without an earlier page view', 'as_tracked', 'by the column alone', orders_without_page_view_as_tracked, orders.orders
    from orders
    union all
    select 8, 'orders without an earlier page view', 'healed', 'by the healed id, without the confirmation page', orders_without_page_view, orders.orders
    from orders
    union all
    select 9, 'revenue without a known source', 'as_tracked', 'no touch but direct in the window / counted', revenue_as_tracked, revenue
    from unknown
    cross join orders
    union all
    select 10, 'revenue without a known source', 'healed', 'no touch but direct in the window / counted', revenue_healed, revenue
    from unknown
    cross join orders
    union all
    select 11, 'revenue counted twice', 'as_tracked', 'what deduplicating by transaction id alone removes', removed, revenue
    from ledger
    cross join orders
    union all
    select 12, 'revenue counted twice', 'healed', 'resubmissions of the same order', resubmitted, revenue
    from ledger
    cross join orders
    union all
    select 13, 'revenue of hidden hosts', 'healed', 'last non-direct touch by a host that only its hash names / counted', hidden.revenue, orders.revenue
    from hidden
    cross join orders
)

select
    position, figure, reading, definition,
    cast(coalesce(numerator, 0) as decimal(18, 2)) as numerator,
    cast(coalesce(denominator, 0) as decimal(18, 2)) as denominator,
    cast(coalesce(numerator, 0) as double) / nullif(cast(denominator as double), 0) as share
from figures;


-- gold.shop: what a reader must know about the shop: its currency, time zone, attribution window, roles and column
-- names.
create or replace table gold.shop as
select
    {shop} as shop,
    {currency} as currency,
    {time_zone} as time_zone,
    {client_column} as client_column,
    {referrer_column} as referrer_column,
    {known_columns} as known_columns,
    -- the roles that the contract maps; figures of other roles do not apply
    {roles} as roles,
    {session_gap_minutes} as session_gap_minutes,
    {window_days} as window_days;
