-- Bronze -> Silver -> Gold. The only place where business logic lives; documentation_transformation.md
-- has the definitions. One statement a table: `create or replace table x as select ...` is all that an
-- engine's adapter has to know. {braces} hold what the contract (schema.yaml) says of the shop.


-- silver.received: every record under the contract's column names; a renamed column is healed by its synonyms.
-- event_data/events.sql defines how every part reads a time.
create or replace view silver.received as
with imported as (
    select
        events._source_file as source_file,
        events._line as line,
        events._unreadable as unreadable,
        -- 20250304 001 00000017: day, file of that day, line
        events._file_id * 100000000 + events._line as event_id,
        {client} as client_id,
        {client_as_tracked} as client_id_as_tracked,
        {page} as page_url,
        {referrer} as referrer,
        {time} as time_text,
        {event} as event_name,
        {payload} as event_data,
        events._payload as payload,
        {user_agent} as user_agent,
        {session} as source_session_id,
        {source} as source,
        {medium} as medium,
        {campaign} as campaign,
        {click_id} as click_id,
        {channel} as channel,
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


-- silver.terms: standard words of the field, and what the shop's anonymisation makes of each.
create or replace table silver.terms as
with terms as (
    select source as term from bronze.sources
    union distinct
    select medium from bronze.media
    union distinct
    select source from bronze.click_ids
    union distinct
    select ''
),

spellings as (
    select term, term as spelling from terms
    union distinct
    select term, upper(term) from terms
    union distinct
    select term, upper(substr(term, 1, 1)) || substr(term, 2) from terms
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

named as (
    select prefixes.prefix || sources.source as host, sources.source, 'source' as kind, 1 as preference
    from bronze.sources as sources
    cross join prefixes
    where strpos(sources.source, '.') > 0

    union all

    -- Search engines have a host in every country; the list names the hosts of the others.
    select prefixes.prefix || sources.source || host_endings.ending, sources.source, 'source', 1
    from bronze.sources as sources
    cross join prefixes
    cross join bronze.host_endings as host_endings
    where strpos(sources.source, '.') = 0 and sources.category = 'SEARCH'

    union all

    select host, source, 'source', 0
    from bronze.host_aliases

    union all

    select prefixes.prefix || own_hosts.host, null, 'payment', -1
    from bronze.own_hosts as own_hosts
    cross join prefixes
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


-- silver.parsed_events: every readable record of an event, its page taken apart, and what it says of its source.
create or replace table silver.parsed_events as
with received as (
    select
        received.event_id, received.client_id, received.client_id_as_tracked, received.event_at, received.event_name,
        coalesce(event_roles.event, 'other') as event,
        case when event_roles.event in ('order', 'signup') then received.payload end as payload,
        received.user_agent,
        received.page_url,
        case when lower(received.source_session_id) not in ({placeholders}) then received.source_session_id end
            as source_session_id,
        -- what an export writes for a visit without a source is no evidence
        case when lower(received.source) not in ({no_evidence}) then received.source end as source,
        case when lower(received.medium) not in ({no_evidence}) then received.medium end as medium,
        case when lower(received.campaign) not in ({no_evidence}) then received.campaign end as campaign,
        received.click_id as click_parameter,
        case when lower(received.channel) not in ({no_evidence}) then lower(received.channel) end as source_channel,
        lower(regexp_extract(received.referrer, '://([^/?#]*)', 1)) as referrer_host,
        {checkout_token} as checkout_token,
        case
            when strpos(received.page_url, '#') > 0
                then substr(received.page_url, 1, strpos(received.page_url, '#') - 1)
            else received.page_url
        end as address
    from silver.received as received
    left join bronze.event_roles as event_roles on received.event_name = event_roles.event_name
    -- Those without a time are refused below, where it is a column: here it would be worked out twice.
    where received.unreadable is null and received.event_name is not null
),

-- The page, taken apart. A search for a character costs less than a regular expression, and `nullif` of an
-- expression works it out twice, so that what was empty becomes null only in the end.
queried as (
    select
        event_id, client_id, client_id_as_tracked, event_at, event_name, event, payload, user_agent, referrer_host,
        source_session_id, source, medium, campaign, click_parameter, source_channel, checkout_token,
        case
            when strpos(address, '?') > 0 then substr(address, 1, strpos(address, '?') - 1)
            else address
        end as place,
        case when strpos(address, '?') > 0 then '&' || substr(address, strpos(address, '?') + 1) end as query
    from received
),

hosted as (
    select
        event_id, client_id, client_id_as_tracked, event_at, event_name, event, payload, user_agent, referrer_host,
        source_session_id, source, medium, campaign, click_parameter, source_channel, checkout_token, query,
        case when strpos(place, '://') > 0 then substr(place, strpos(place, '://') + 3) end as host_and_path
    from queried
),

located as (
    select
        event_id, client_id, client_id_as_tracked, event_at, event_name, event, payload, user_agent, referrer_host,
        source_session_id, source, medium, campaign, click_parameter, source_channel, checkout_token, query,
        lower(case
            when strpos(host_and_path, '/') > 0 then substr(host_and_path, 1, strpos(host_and_path, '/') - 1)
            else host_and_path
        end) as host,
        case
            when strpos(host_and_path, '/') > 0 then substr(host_and_path, strpos(host_and_path, '/'))
            when host_and_path is not null then '/'
        end as path,
        case when strpos(query, '&utm_source=') > 0 then regexp_extract(query, '&utm_source=([^&]*)', 1) end as utm_source,
        case when strpos(query, '&utm_medium=') > 0 then regexp_extract(query, '&utm_medium=([^&]*)', 1) end as utm_medium,
        case
            when strpos(query, '&utm_campaign=') > 0 then regexp_extract(query, '&utm_campaign=([^&]*)', 1)
        end as utm_campaign
    from hosted
)

select
    event_id, client_id, client_id_as_tracked, event_at, event_name, event, payload, user_agent,
    nullif(referrer_host, '') as referrer_host,
    nullif(checkout_token, '') as checkout_token,
    host, path,
    coalesce(source, case when utm_source not in ('', {empty_value}) then utm_source end) as utm_source,
    coalesce(medium, case when utm_medium not in ('', {empty_value}) then utm_medium end) as utm_medium,
    coalesce(campaign, case when utm_campaign not in ('', {empty_value}) then utm_campaign end) as utm_campaign,
    -- the parameters of seeds/click_ids.csv in their order, each only with a value
    coalesce(click_parameter, {click_id_in_page}) as click_id,
    source_session_id, source_channel
from located;


-- silver.rejected_events: records that cannot be used, each with its reason and where it came from.
create or replace table silver.rejected_events as
-- An exact repeat has the same time, so that few records have to be compared in full.
with busy_times as (
    select event_at
    from silver.parsed_events
    where event_at is not null
    group by event_at
    having count(*) > 1
),

suspects as (
    select parsed_events.event_id
    from silver.parsed_events as parsed_events
    inner join busy_times on parsed_events.event_at = busy_times.event_at
    -- equal lines of an order are no repeats
    where not ({rows_are_lines} and parsed_events.event = 'order')
),

repeats as (
    select
        received.event_id,
        row_number() over (
            partition by
                received.client_id, received.page_url, received.referrer, received.time_text, received.event_name,
                received.event_data, received.user_agent, received.other_columns
            order by received.event_id nulls first
        ) as occurrence
    from silver.received as received
    inner join suspects on received.event_id = suspects.event_id
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


-- silver.sources: each distinct evidence is judged once, however many events carry it.
create or replace table silver.sources as
with keys as (
    select distinct
        coalesce(utm_source, '') as key_source,
        coalesce(utm_medium, '') as key_medium,
        coalesce(utm_campaign, '') as key_campaign,
        coalesce(click_id, '') as key_click,
        coalesce(referrer_host, '') as key_host,
        coalesce(source_channel, '') as key_channel
    from silver.parsed_events
),

-- Own pages, the checkout and payment providers are where a visitor comes back from, not sources.
not_sources as (
    select distinct keys.key_host
    from keys
    inner join bronze.own_hosts as own_hosts
        on keys.key_host = own_hosts.host or keys.key_host like '%.' || own_hosts.host
    union distinct
    select host
    from silver.known_hosts
    where kind = 'payment'
),

revealed as (
    select
        keys.*,
        coalesce(sources.term, replace(replace(keys.key_source, '+', ' '), '%20', ' ')) as utm_source,
        coalesce(media.term, replace(replace(keys.key_medium, '+', ' '), '%20', ' ')) as utm_medium,
        nullif(coalesce(campaigns.term, replace(replace(keys.key_campaign, '+', ' '), '%20', ' ')), '') as utm_campaign,
        case when not_sources.key_host is null then keys.key_host else '' end as outside_host
    from keys
    left join silver.terms as sources on keys.key_source = sources.value
    left join silver.terms as media on keys.key_medium = media.value
    left join silver.terms as campaigns on keys.key_campaign = campaigns.value
    left join not_sources on keys.key_host = not_sources.key_host
),

named as (
    select
        revealed.key_source, revealed.key_medium, revealed.key_campaign, revealed.key_click, revealed.key_host,
        revealed.key_channel,
        channels.channel as given_channel,
        case
            when key_source <> '' or key_medium <> '' then coalesce(nullif(utm_source, ''), '(not set)')
            when key_click <> '' then click_ids.source
            when key_channel <> '' then case when channels.channel = 'Direct' then null else key_channel end
            when known_hosts.source is not null then known_hosts.source
            when outside_host like 'www.%' then substr(outside_host, 5)
            else nullif(outside_host, '')
        end as source,
        case
            when key_source <> '' or key_medium <> '' then coalesce(nullif(utm_medium, ''), '(not set)')
            when key_click <> '' then click_ids.medium
            when key_channel <> '' then '(not set)'
        end as given_medium,
        case when key_source <> '' or key_medium <> '' then utm_campaign end as campaign
    from revealed
    left join bronze.click_ids as click_ids on revealed.key_click = click_ids.parameter
    left join silver.known_hosts as known_hosts
        on revealed.outside_host = known_hosts.host and known_hosts.kind = 'source'
    left join bronze.channels as channels on revealed.key_channel = channels.value
),

categorised as (
    select
        named.*,
        sources.category,
        coalesce(
            given_medium,
            case sources.category when 'SEARCH' then 'organic' when 'AI' then 'ai-assistant' else 'referral' end
        ) as medium
    from named
    left join bronze.source_aliases as aliases on lower(named.source) = aliases.alias
    left join bronze.sources as sources on coalesce(aliases.source, lower(named.source)) = sources.source
    where named.source is not null
),

-- In lower case, and with the patterns of GA4's table as columns.
prepared as (
    select
        categorised.*,
        lower(source) as s,
        lower(medium) as m,
        coalesce(lower(campaign), '') as c,
        nullif(regexp_extract(lower(medium), '^(.*cp.*|ppc|retargeting|paid.*)$', 1), '') is not null as is_paid,
        coalesce(category, '') = 'SHOPPING'
            or nullif(regexp_extract(lower(campaign), '(^shop|[^a-df-z]shop|shopping)', 1), '') is not null as is_shopping,
        nullif(regexp_extract(lower(medium), '^(.*video.*)$', 1), '') is not null as is_video_medium
    from categorised
),

overrides as (
    select s, m, min(channel_overrides.channel) as channel
    from prepared
    inner join bronze.channel_overrides as channel_overrides
        on prepared.s = lower(channel_overrides.source)
        and (prepared.m = lower(channel_overrides.medium) or coalesce(channel_overrides.medium, '') = '')
    group by s, m
)

-- GA4's default channel group: the first rule that holds, in Google's order.
select
    prepared.key_source, prepared.key_medium, prepared.key_campaign, prepared.key_click, prepared.key_host,
    prepared.key_channel, prepared.source, prepared.medium, prepared.campaign,
    case
        when overrides.channel is not null then overrides.channel
        when key_channel <> '' then coalesce(given_channel, 'Unassigned')
        when prepared.s = '(direct)' and prepared.m in ('(none)', '(not set)') then 'Direct'
        when strpos(c, 'cross-network') > 0 then 'Cross-network'
        when is_shopping and is_paid then 'Paid Shopping'
        when category = 'SEARCH' and is_paid then 'Paid Search'
        when category = 'SOCIAL' and is_paid then 'Paid Social'
        when category = 'VIDEO' and is_paid then 'Paid Video'
        when prepared.m in ('display', 'banner', 'expandable', 'interstitial', 'cpm') then 'Display'
        when is_paid then 'Paid Other'
        when is_shopping then 'Organic Shopping'
        when category = 'SOCIAL' or prepared.m in (
            'social', 'social-network', 'social-media', 'sm', 'social network', 'social media'
        ) then 'Organic Social'
        when category = 'VIDEO' or is_video_medium then 'Organic Video'
        when category = 'AI' or prepared.m = 'ai-assistant' then 'AI Assistant'
        when category = 'SEARCH' or prepared.m = 'organic' then 'Organic Search'
        when prepared.m in ('referral', 'app', 'link') then 'Referral'
        when prepared.s in ('email', 'e-mail', 'e_mail', 'e mail')
            or prepared.m in ('email', 'e-mail', 'e_mail', 'e mail') then 'Email'
        when prepared.m in ('affiliate', 'affiliates') then 'Affiliates'
        when prepared.m = 'audio' then 'Audio'
        when prepared.s = 'sms' or prepared.m = 'sms' then 'SMS'
        when prepared.m like '%push' or prepared.m like '%mobile%' or prepared.m like '%notification%'
            or prepared.s = 'firebase' then 'Mobile Push Notifications'
        else 'Unassigned'
    end as channel
from prepared
left join overrides on prepared.s = overrides.s and prepared.m = overrides.m;


-- silver.browsers: one row a user agent; its device, and whether it declares itself a crawler.
create or replace table silver.browsers as
with distinct_agents as (
    select distinct user_agent
    from silver.parsed_events
    where user_agent is not null
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
    agents.user_agent,
    crawlers.user_agent is not null as is_bot,
    case
        when a like '%iphone%' or a like '%ipod%' then 'Mobile'
        when a like '%ipad%' or a like '%tablet%' or (a like '%android%' and a not like '%mobile%') then 'Tablet'
        when a like '%mobile%' then 'Mobile'
        when a like '%windows%' or a like '%macintosh%' or a like '%linux%' or a like '%cros %' then 'Desktop'
        else 'Other'
    end as device,
    case
        when a like '%iphone%' or a like '%ipad%' or a like '%ipod%' then 'iOS'
        when a like '%android%' then 'Android'
        when a like '%windows%' then 'Windows'
        when a like '%macintosh%' then 'macOS'
        when a like '%cros %' then 'ChromeOS'
        when a like '%linux%' then 'Linux'
        else 'Other'
    end as operating_system,
    case
        when a like '%fban/%' or a like '%fbav/%' or a like '%[fb%' then 'Facebook'
        when a like '%instagram%' then 'Instagram'
        when a like '%tiktok%' or a like '%bytedance%' or a like '%musical_ly%' then 'TikTok'
        when a like '%pinterest%' then 'Pinterest'
        when a like '%gsa/%' then 'Google app'
        when a like '%edg/%' or a like '%edga/%' or a like '%edgios/%' or a like '%edge/%' then 'Edge'
        when a like '%opr/%' or a like '%opera%' or a like '%opt/%' then 'Opera'
        when a like '%samsungbrowser%' then 'Samsung Internet'
        when a like '%ddg/%' or a like '%duckduckgo%' then 'DuckDuckGo'
        when a like '%firefox/%' or a like '%fxios/%' then 'Firefox'
        when a like '%chrome/%' or a like '%crios/%' then 'Chrome'
        when a like '%safari/%' or a like '%applewebkit%' then 'Safari'
        else 'Other'
    end as browser
from agents
left join crawlers on agents.user_agent = crawlers.user_agent;


-- silver.events: one row an event; typed, healed, with its page, its source and its browser.
create or replace table silver.events as
select
    events.event_id,
    events.client_id,
    events.client_id_as_tracked,
    events.event_at,
    -- days and hours by the clock of the contract's time zone
    cast(events.event_at{in_zone} as date) as event_date,
    extract(hour from events.event_at{in_zone}) as event_hour,
    events.event,
    events.event_name,
    events.source_session_id,
    events.host,
    events.path,
    replace(replace(events.utm_source, '+', ' '), '%20', ' ') as utm_source,
    replace(replace(events.utm_medium, '+', ' '), '%20', ' ') as utm_medium,
    replace(replace(events.utm_campaign, '+', ' '), '%20', ' ') as utm_campaign,
    events.click_id,
    events.referrer_host,
    sources.source,
    sources.medium,
    sources.campaign,
    sources.channel,
    coalesce(browsers.device, 'Other') as device,
    coalesce(browsers.operating_system, 'Other') as operating_system,
    coalesce(browsers.browser, 'Other') as browser,
    coalesce(browsers.is_bot, false) as is_bot,
    case when events.event = 'order' then {transaction_id} end as transaction_id,
    case when events.event = 'order' then {amount} end as revenue,
    case when events.event = 'order' then {other_currency} end as other_currency,
    case when events.event = 'order' then {other_amount} end as other_amount,
    case when events.event in ('order', 'signup') then {customer} end as customer,
    events.checkout_token,
    case when events.event = 'order' then events.payload end as payload
from silver.parsed_events as events
left join silver.sources as sources
    on coalesce(events.utm_source, '') = sources.key_source
    and coalesce(events.utm_medium, '') = sources.key_medium
    and coalesce(events.utm_campaign, '') = sources.key_campaign
    and coalesce(events.click_id, '') = sources.key_click
    and coalesce(events.referrer_host, '') = sources.key_host
    and coalesce(events.source_channel, '') = sources.key_channel
left join silver.browsers as browsers on events.user_agent = browsers.user_agent
left join silver.rejected_events as rejected on events.event_id = rejected.event_id
where rejected.event_id is null;


-- silver.file_totals: what each file held before anything was refused; the ledger starts from it.
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
        when files.records > 0 and rejected.rejected - rejected.repeated = files.records then 'holds no record that can be used'
    end as refused
from bronze.files as files
left join rejected on files.name = rejected.source_file;


-- silver.sessions: events of a client with the same session id of the export, or without a gap of
-- {session_gap_minutes} minutes, in two readings: by the healed id, and by what the column alone held. Declared crawlers
-- have none.
create or replace table silver.sessions as
with clients as (
    select
        client_id,
        count(*) as events,
        -- Where the column alone held every id of a client, its sessions are the same in both readings.
        case when count(*) = count(client_id_as_tracked) then 'both' else 'healed' end as found_in
    from silver.events
    where client_id is not null and not is_bot
    group by client_id
),

-- Most clients have one event, which needs no window.
windowed as (
    select
        clients.found_in, events.client_id, events.source_session_id, events.event_id, events.event_at, events.event,
        events.channel is not null as is_touch
    from silver.events as events
    inner join clients on events.client_id = clients.client_id
    where clients.events > 1 and not events.is_bot

    union all

    select
        'as_tracked', events.client_id, events.source_session_id, events.event_id, events.event_at, events.event,
        events.channel is not null
    from silver.events as events
    inner join clients on events.client_id = clients.client_id
    where
        clients.events > 1 and clients.found_in = 'healed' and events.client_id_as_tracked is not null
        and not events.is_bot
),

started as (
    select
        *,
        case
            when event_at < lag(event_at) over (
                partition by found_in, client_id, source_session_id order by event_at nulls first, event_id nulls first
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
        found_in, event_id, event_at, event, is_touch,
        last_value(case when is_start = 1 then event_id end ignore nulls) over (
            partition by found_in, client_id, source_session_id order by event_at nulls first, event_id nulls first
            rows between unbounded preceding and current row
        ) as session_id
    from started
),

touches as (
    select
        found_in, session_id, event_id,
        lag(event_id) over (
            partition by found_in, session_id order by event_at nulls first, event_id nulls first
        ) is null as is_first,
        lead(event_id) over (
            partition by found_in, session_id order by event_at nulls first, event_id nulls first
        ) is null as is_last
    from numbered
    where is_touch
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
        sum(case when event = 'page_view' then 1 else 0 end) as page_views,
        sum(case when event = 'signup' then 1 else 0 end) as signups,
        sum(case when event = 'cart' then 1 else 0 end) as carts,
        sum(case when event = 'checkout' then 1 else 0 end) as checkouts,
        sum(case when event = 'order' then 1 else 0 end) as orders
    from numbered
    group by found_in, session_id
),

sessions as (
    select
        clients.found_in, events.event_id as session_id, events.client_id, events.source_session_id,
        events.event_at as started_at,
        events.event_at as ended_at, 1 as events,
        case when event = 'page_view' then 1 else 0 end as page_views,
        case when event = 'signup' then 1 else 0 end as signups,
        case when event = 'cart' then 1 else 0 end as carts,
        case when event = 'checkout' then 1 else 0 end as checkouts,
        case when event = 'order' then 1 else 0 end as orders,
        event as first_event, path as landing_path, device, operating_system, browser,
        channel as first_channel, source as first_source, medium as first_medium, campaign as first_campaign,
        channel as last_channel, source as last_source, medium as last_medium, campaign as last_campaign
    from silver.events as events
    inner join clients on events.client_id = clients.client_id
    where clients.events = 1 and not events.is_bot

    union all

    select
        counted.found_in, counted.session_id, opening.client_id, opening.source_session_id, opening.event_at, counted.ended_at, counted.events,
        counted.page_views, counted.signups, counted.carts, counted.checkouts, counted.orders,
        opening.event, opening.path, opening.device, opening.operating_system, opening.browser,
        first_touch.channel, first_touch.source, first_touch.medium, first_touch.campaign,
        last_touch.channel, last_touch.source, last_touch.medium, last_touch.campaign
    from counted
    inner join silver.events as opening on counted.session_id = opening.event_id
    left join touched on counted.found_in = touched.found_in and counted.session_id = touched.session_id
    left join silver.events as first_touch on touched.first_touch_id = first_touch.event_id
    left join silver.events as last_touch on touched.last_touch_id = last_touch.event_id
),

readings as (
    select 'both' as found_in, 'healed' as reading
    union all
    select 'both', 'as_tracked'
    union all
    select 'healed', 'healed'
    union all
    select 'as_tracked', 'as_tracked'
)

select
    readings.reading, session_id, client_id, source_session_id, started_at, ended_at,
    cast(started_at{in_zone} as date) as session_date,
    cast(events as bigint) as events,
    cast(page_views as bigint) as page_views,
    cast(signups as bigint) as signups,
    cast(carts as bigint) as carts,
    cast(checkouts as bigint) as checkouts,
    cast(orders as bigint) as orders,
    first_event, landing_path, device, operating_system, browser,
    coalesce(first_channel, 'Direct') as first_channel,
    coalesce(first_source, '(direct)') as first_source,
    coalesce(first_medium, '(none)') as first_medium,
    first_campaign,
    coalesce(last_channel, 'Direct') as last_channel,
    coalesce(last_source, '(direct)') as last_source,
    coalesce(last_medium, '(none)') as last_medium,
    last_campaign
from sessions
inner join readings on sessions.found_in = readings.found_in;


-- silver.links: which clients gave which e-mail hash or stood at which checkout.
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
)

select
    keyed.client_id, keyed.kind, keyed.value, shared.clients,
    -- a hash that many ids share is a till or a test, not a person
    shared.clients > {most_clients_of_a_person} as is_refused
from keyed
inner join shared on keyed.kind = shared.kind and keyed.value = shared.value;


-- silver.people: the stitched reading. The smallest id wins along each link, four links far.
create or replace table silver.people as
with links as (
    select client_id, kind, value
    from silver.links
    where not is_refused
),

keys_1 as (
    select kind, value, min(client_id) as person_id
    from links
    group by kind, value
),

people_1 as (
    select links.client_id, min(keys_1.person_id) as person_id
    from links
    inner join keys_1 on links.kind = keys_1.kind and links.value = keys_1.value
    group by links.client_id
),

keys_2 as (
    select links.kind, links.value, min(people_1.person_id) as person_id
    from links
    inner join people_1 on links.client_id = people_1.client_id
    group by links.kind, links.value
),

people_2 as (
    select links.client_id, min(keys_2.person_id) as person_id
    from links
    inner join keys_2 on links.kind = keys_2.kind and links.value = keys_2.value
    group by links.client_id
),

keys_3 as (
    select links.kind, links.value, min(people_2.person_id) as person_id
    from links
    inner join people_2 on links.client_id = people_2.client_id
    group by links.kind, links.value
),

people_3 as (
    select links.client_id, min(keys_3.person_id) as person_id
    from links
    inner join keys_3 on links.kind = keys_3.kind and links.value = keys_3.value
    group by links.client_id
),

keys_4 as (
    select links.kind, links.value, min(people_3.person_id) as person_id
    from links
    inner join people_3 on links.client_id = people_3.client_id
    group by links.kind, links.value
)

select links.client_id, min(keys_4.person_id) as person_id
from links
inner join keys_4 on links.kind = keys_4.kind and links.value = keys_4.value
group by links.client_id;


-- silver.received_orders: every order event, its status, and the amount that it counts. event_data/orders.sql defines
-- the statuses: counted, resubmission, amendment, possible duplicate, negative and quarantined.
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
    events.event_date, events.revenue, events.other_currency, events.other_amount, events.customer, events.checkout_token, events.device, events.operating_system,
    events.browser, events.is_bot,
    classified.status,
    classified.reason,
    classified.reason as held_for,
    classified.order_id,
    classified.counted_amount as counted_revenue,
    classified.excluded_amount as excluded_revenue,
    -- what a deduplication by transaction id alone, keeping the first, would drop
    classified.is_repeated_id,
    classified.is_collision, classified.is_reused_id, classified.is_possible_duplicate
from classified
inner join silver.events as events on classified.event_id = events.event_id;


-- silver.orders: one row a counted order, with what was recorded of its client before.
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
        min(case when event = 'page_view' then event_at end) as first_page_view_at,
        min(case when event = 'cart' then event_at end) as first_cart_at,
        min(case when event = 'checkout' then event_at end) as first_checkout_at,
        min(case when client_id_as_tracked is not null then event_at end) as first_tracked_event_at,
        min(case when client_id_as_tracked is not null and event = 'page_view' then event_at end) as first_tracked_page_view_at
    from silver.events as events
    inner join buyers on events.client_id = buyers.client_id
    group by events.client_id
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
    counted.event_date as order_date,
    -- zero where the contract maps no amount
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
    coalesce(seen.first_page_view_at < counted.event_at, false) as has_earlier_page_view,
    coalesce(seen.first_cart_at < counted.event_at, false) as has_earlier_cart,
    coalesce(seen.first_checkout_at < counted.event_at, false) or coalesce(starts.started_at < counted.event_at, false) as has_earlier_checkout,
    counted.client_id_as_tracked is not null and coalesce(seen.first_tracked_event_at < counted.event_at, false) as has_earlier_event_as_tracked,
    counted.client_id_as_tracked is not null and coalesce(seen.first_tracked_page_view_at < counted.event_at, false) as has_earlier_page_view_as_tracked,
    counted.event_at - interval {window_days} day < cast(data_start.first_date as timestamp) as window_cut_off
from counted
cross join data_start
left join seen on counted.client_id = seen.client_id
left join starts on counted.checkout_token = starts.checkout_token
left join silver.people as people on counted.client_id = people.client_id
left join key_people as by_checkout on by_checkout.kind = 'checkout' and counted.checkout_token = by_checkout.value
left join key_people as by_customer on by_customer.kind = 'customer' and counted.customer = by_customer.value
left join resubmitted on counted.transaction_id = resubmitted.transaction_id;


-- silver.order_items: one row a line of a counted order; amount is the line's, not a piece's.
create or replace table silver.order_items as
with payloads as (
    -- the lines that were first sent with the amount that counts
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
        -- rounded as a decimal: one engine reads '2.0' as a whole number, another does not
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


-- silver.clients: one row a visitor of the healed reading, from the first event to the last.
create or replace table silver.clients as
with totals as (
    select
        client_id,
        min(started_at) as first_seen_at,
        max(ended_at) as last_seen_at,
        count(*) as sessions,
        cast(sum(page_views) as bigint) as page_views,
        cast(sum(carts) as bigint) as carts,
        cast(sum(checkouts) as bigint) as checkouts
    from silver.sessions
    where reading = 'healed'
    group by client_id
),

bought as (
    select client_id, count(*) as orders, cast(sum(revenue) as decimal(18, 2)) as revenue
    from silver.orders
    where client_id is not null
    group by client_id
)

select
    totals.client_id, totals.first_seen_at, totals.last_seen_at,
    cast(totals.first_seen_at{in_zone} as date) as first_date,
    first_session.device, first_session.operating_system, first_session.browser,
    first_session.first_channel,
    totals.sessions, totals.page_views, totals.carts, totals.checkouts,
    coalesce(bought.orders, 0) as orders,
    coalesce(bought.revenue, 0) as revenue
from totals
inner join silver.sessions as first_session
    on totals.client_id = first_session.client_id and totals.first_seen_at = first_session.started_at
    and first_session.reading = 'healed'
left join bought on totals.client_id = bought.client_id;


-- silver.order_touches: the touches before each order, in three readings, first to last.
create or replace table silver.order_touches as
with identified as (
    select 'as_tracked' as reading, 'as_tracked' as sessions_of, order_id, client_id_as_tracked as identity, ordered_at
    from silver.orders
    where client_id_as_tracked is not null

    union all

    select 'healed', 'healed', order_id, client_id, ordered_at
    from silver.orders
    where client_id is not null

    union all

    select 'stitched', 'healed', order_id, person_id, ordered_at
    from silver.orders
    where person_id is not null
),

-- A person's clients; a client that was linked with no other is a person of its own.
clients_of as (
    select reading, order_id, sessions_of, ordered_at, identity as client_id
    from identified

    union distinct

    select identified.reading, identified.order_id, identified.sessions_of, identified.ordered_at, people.client_id
    from identified
    inner join silver.people as people on identified.identity = people.person_id
    where identified.reading = 'stitched'
),

visits as (
    select
        clients_of.reading, clients_of.order_id, clients_of.ordered_at, sessions.session_id, sessions.client_id,
        sessions.source_session_id, sessions.started_at, sessions.ended_at, sessions.first_event
    from clients_of
    inner join silver.sessions as sessions
        on clients_of.sessions_of = sessions.reading and clients_of.client_id = sessions.client_id
    where
        sessions.started_at >= clients_of.ordered_at - interval {window_days} day
        and sessions.started_at <= clients_of.ordered_at
),

touches as (
    select
        visits.reading, visits.order_id, visits.session_id, visits.started_at, events.event_id, events.event_at,
        events.source, events.medium, events.campaign, events.channel,
        row_number() over (
            partition by visits.reading, visits.order_id, visits.session_id
            order by events.event_at nulls first, events.event_id nulls first
        ) as number_from_first,
        lead(events.event_id) over (
            partition by visits.reading, visits.order_id, visits.session_id
            order by events.event_at nulls first, events.event_id nulls first
        ) is null as is_last
    from visits
    inner join silver.events as events on visits.client_id = events.client_id
    where
        events.channel is not null and not events.is_bot
        and events.event_at >= visits.started_at and events.event_at <= visits.ended_at
        and events.event_at <= visits.ordered_at
        and coalesce(events.source_session_id, '') = coalesce(visits.source_session_id, '')
        and (visits.reading <> 'as_tracked' or events.client_id_as_tracked is not null)
),

-- A session gives its first touch, and its last if that is of another channel. Without a touch it is
-- a direct visit, unless all that was seen of it begins with an order.
path as (
    select reading, order_id, session_id, started_at, 1 as step, event_at as touched_at, source, medium, campaign, channel
    from touches
    where number_from_first = 1

    union all

    select
        last_touch.reading, last_touch.order_id, last_touch.session_id, last_touch.started_at, 2, last_touch.event_at,
        last_touch.source, last_touch.medium, last_touch.campaign, last_touch.channel
    from touches as last_touch
    inner join touches as first_touch
        on last_touch.reading = first_touch.reading and last_touch.order_id = first_touch.order_id
        and last_touch.session_id = first_touch.session_id and first_touch.number_from_first = 1
    where last_touch.is_last and last_touch.channel <> first_touch.channel

    union all

    select
        visits.reading, visits.order_id, visits.session_id, visits.started_at, 1, visits.started_at, '(direct)', '(none)',
        null, 'Direct'
    from visits
    left join touches
        on visits.reading = touches.reading and visits.order_id = touches.order_id
        and visits.session_id = touches.session_id and touches.number_from_first = 1
    where touches.event_id is null and visits.first_event <> 'order'
)

select
    path.reading, path.order_id, path.session_id, path.touched_at, path.source, path.medium, path.campaign, path.channel,
    row_number() over (
        partition by path.reading, path.order_id
        order by path.started_at nulls first, path.session_id nulls first, path.step nulls first
    ) as position,
    count(*) over (partition by path.reading, path.order_id) as touches,
    -- whole seconds from the touch to the order
    date_diff('day', cast(path.touched_at as date), cast(orders.ordered_at as date)) * 86400
    + (extract(hour from orders.ordered_at) - extract(hour from path.touched_at)) * 3600
    + (extract(minute from orders.ordered_at) - extract(minute from path.touched_at)) * 60
    + cast(floor(extract(second from orders.ordered_at)) - floor(extract(second from path.touched_at)) as bigint)
        as seconds_before_order
from path
inner join silver.orders as orders on path.order_id = orders.order_id;


-- silver.models: the ways to share an order's revenue out.
create or replace table silver.models as
select 'first_click' as model
union all
select 'last_click'
union all
select 'last_non_direct'
union all
select 'linear'
union all
select 'position_based'
union all
select 'time_decay';


-- gold.attribution: an order's revenue, shared out to its touches; six models, three readings.
create or replace table gold.attribution as
with readings as (
    select 'as_tracked' as reading
    union all
    select 'healed'
    union all
    select 'stitched'
),

models as (
    select model
    from silver.models
),

last_known as (
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
    cross join models
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

-- Running shares are rounded, not shares: what is handed out is the order's revenue to the cent.
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
    order_id, transaction_id, order_date, model, reading, position, session_id, touched_at, channel, source, medium, campaign,
    cast(cast(cents_so_far - cents_before as decimal(18, 2)) * 0.01 as decimal(12, 2)) as credit,
    cast(cast(parts_so_far - parts_before as decimal(18, 2)) * 0.0001 as decimal(12, 4)) as order_share
from shared

union all

select
    orders.order_id, orders.transaction_id, orders.order_date, models.model, readings.reading, null, null, null, 'Unattributed', null, null,
    null, orders.revenue, cast(1 as decimal(12, 4))
from silver.orders as orders
cross join readings
cross join models
left join last_known on readings.reading = last_known.reading and orders.order_id = last_known.order_id
where last_known.order_id is null;


-- gold.unattributed: orders without a known source, and the one reason why.
create or replace table gold.unattributed as
with readings as (
    select 'as_tracked' as reading, order_id, client_id_as_tracked as identity from silver.orders
    union all
    select 'healed', order_id, client_id from silver.orders
    union all
    select 'stitched', order_id, person_id from silver.orders
),

found as (
    select reading, order_id, count(*) as touches, sum(case when channel <> 'Direct' then 1 else 0 end) as known_touches
    from silver.order_touches
    group by reading, order_id
)

select
    orders.order_id, orders.transaction_id, orders.order_date, readings.reading,
    case
        when readings.identity is null then 'no id'
        when orders.window_cut_off then 'window cut off'
        when found.touches > 0 then 'direct only'
        else 'no touch in the window'
    end as reason,
    orders.revenue
from readings
inner join silver.orders as orders on readings.order_id = orders.order_id
left join found on readings.reading = found.reading and readings.order_id = found.order_id
where coalesce(found.known_touches, 0) = 0;


-- gold.channel_performance: sessions that a channel began, and the orders and revenue it is credited with.
create or replace table gold.channel_performance as
with readings as (
    select reading, reading as sessions_of
    from (select 'as_tracked' as reading union all select 'healed' as reading) as own
    union all
    select 'stitched', 'healed'
),

models as (
    select model
    from silver.models
),

visits as (
    select session_date as date, reading, first_channel as channel, count(*) as sessions, count(distinct client_id) as clients
    from silver.sessions
    group by session_date, reading, first_channel
),

credits as (
    select
        order_date as date, model, reading, channel,
        cast(sum(order_share) as decimal(18, 4)) as orders,
        cast(sum(credit) as decimal(18, 2)) as revenue
    from gold.attribution
    group by order_date, model, reading, channel
),

rows_of as (
    select date, model, reading, channel from credits
    union distinct
    select visits.date, models.model, readings.reading, visits.channel
    from visits
    inner join readings on visits.reading = readings.sessions_of
    cross join models
)

select
    rows_of.date, rows_of.model, rows_of.reading, rows_of.channel,
    coalesce(visits.sessions, 0) as sessions,
    coalesce(visits.clients, 0) as clients,
    coalesce(credits.orders, 0) as orders,
    coalesce(credits.revenue, 0) as revenue
from rows_of
inner join readings on rows_of.reading = readings.reading
left join visits
    on rows_of.date = visits.date and readings.sessions_of = visits.reading and rows_of.channel = visits.channel
left join credits
    on rows_of.date = credits.date and rows_of.model = credits.model and rows_of.reading = credits.reading
    and rows_of.channel = credits.channel;


-- gold.funnel: which steps were recorded, of sessions and of clients. A step that is missing before a
-- later one was not recorded; it was not skipped.
create or replace table gold.funnel as
with units as (
    select
        'session' as unit, session_date as date, device, first_channel as channel,
        page_views, carts, checkouts, orders, cast(null as decimal(18, 2)) as revenue
    from silver.sessions
    where reading = 'healed'

    union all

    select 'client', first_date, device, first_channel, page_views, carts, checkouts, orders, revenue
    from silver.clients

    union all

    -- orders that belong to no session: without an id, or of a declared crawler
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


-- gold.products: what was bought, by day. Lines without a price are counted, not guessed.
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


-- silver.event_counts: everything about events that can be added up, counted once an hour and cell.
create or replace table silver.event_counts as
with events as (
    select
        event_date, event_hour, event, device, operating_system, browser, is_bot,
        -- /products of /products/puffy-mattress
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
with segmented as (
    select 'all' as segment_kind, 'all' as segment, event_counts.* from silver.event_counts as event_counts
    union all
    select 'event', event, event_counts.* from silver.event_counts as event_counts
    union all
    select 'device', device, event_counts.* from silver.event_counts as event_counts
    union all
    select 'operating_system', operating_system, event_counts.* from silver.event_counts as event_counts
    union all
    select 'browser', browser, event_counts.* from silver.event_counts as event_counts
    union all
    select 'section', section, event_counts.* from silver.event_counts as event_counts
    union all
    select 'channel', channel, event_counts.* from silver.event_counts as event_counts
),

summed as (
    select
        event_date as date, event_hour as hour, segment_kind, segment,
        sum(events) as events,
        sum(case when is_bot then events else 0 end) as crawler_events,
        sum(case when is_bot and event in ('checkout', 'order') then events else 0 end) as crawler_checkout_events,
        sum(case when event in ('checkout', 'order') then events else 0 end) as checkout_events,
        sum(case when event = 'page_view' and not is_bot then events else 0 end) as page_views,
        sum(case when event = 'signup' and not is_bot then events else 0 end) as signups,
        sum(case when event = 'cart' and not is_bot then events else 0 end) as carts,
        sum(case when event = 'checkout' and not is_bot then events else 0 end) as checkouts,
        sum(case when event = 'order' then events else 0 end) as order_events,
        sum(case when event = 'other' then events else 0 end) as unknown_events,
        sum(events - with_client) as without_client,
        sum(events - with_tracked_client) as without_tracked_client,
        sum(events - with_referrer) as without_referrer,
        sum(with_utm) as with_utm,
        sum(with_click_id) as with_click_id
    from segmented
    group by event_date, event_hour, segment_kind, segment
),

metrics as (
    select 'events' as metric, 0 as is_share
    union all
    select 'page_views', 0
    union all
    select 'signups', 0
    union all
    select 'carts', 0
    union all
    select 'checkouts', 0
    union all
    select 'order_events', 0
    union all
    select 'crawler_share', 1
    union all
    select 'crawler_share_of_checkout', 1
    union all
    select 'unknown_event_share', 1
    union all
    select 'client_id_missing_share', 1
    union all
    select 'client_id_missing_share_as_tracked', 1
    union all
    select 'referrer_missing_share', 1
    union all
    select 'utm_share', 1
    union all
    select 'click_id_share', 1
),

measured as (
    select
        date, hour, metrics.metric, segment_kind, segment,
        case metrics.metric
            when 'events' then events
            when 'page_views' then page_views
            when 'signups' then signups
            when 'carts' then carts
            when 'checkouts' then checkouts
            when 'order_events' then order_events
            when 'crawler_share' then crawler_events
            when 'crawler_share_of_checkout' then crawler_checkout_events
            when 'unknown_event_share' then unknown_events
            when 'client_id_missing_share' then without_client
            when 'client_id_missing_share_as_tracked' then without_tracked_client
            when 'referrer_missing_share' then without_referrer
            when 'utm_share' then with_utm
            when 'click_id_share' then with_click_id
        end as numerator,
        case
            when metrics.is_share = 0 then null
            when metrics.metric = 'crawler_share_of_checkout' then checkout_events
            else events
        end as denominator
    from summed
    cross join metrics
)

select
    date, hour, metric, segment_kind, segment,
    cast(numerator as decimal(18, 2)) as numerator,
    cast(denominator as decimal(18, 2)) as denominator
from measured
where segment_kind = 'all' or coalesce(denominator, numerator) > 0;


-- gold.hourly_metrics: one row an hour, metric and segment; a share is numerator / denominator.
create or replace table gold.hourly_metrics as
select date, hour, metric, segment_kind, segment, numerator, denominator
from silver.event_metrics
where segment_kind in ('all', 'event', 'device');


-- gold.daily_metrics: the same by day, with what files, sessions and orders say.
create or replace table gold.daily_metrics as
with visits as (
    select
        session_date as date, client_id, device, operating_system, browser, first_channel as channel,
        case when orders > 0 then 1 else 0 end as has_order,
        case when checkouts > 0 then 1 else 0 end as has_checkout,
        case when page_views = 1 and events = 1 then 1 else 0 end as is_bounce
    from silver.sessions
    where reading = 'healed'
),

-- Nearly every visitor comes once a day and is counted with the visit; only the others have to be told apart.
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
        on visits.client_id = returning_visitors.client_id and visits.date = returning_visitors.date
    group by visits.date, device, operating_system, browser, channel, returning_visitors.client_id
),

visits_by_segment as (
    select 'all' as segment_kind, 'all' as segment, visit_counts.* from visit_counts
    union all
    select 'device', device, visit_counts.* from visit_counts
    union all
    select 'operating_system', operating_system, visit_counts.* from visit_counts
    union all
    select 'browser', browser, visit_counts.* from visit_counts
    union all
    select 'channel', channel, visit_counts.* from visit_counts
),

visit_totals as (
    select
        date, segment_kind, segment,
        sum(sessions) as sessions,
        sum(case when returning_client_id is null then sessions else 0 end) + count(distinct returning_client_id)
            as visitors,
        sum(sessions_with_order) as sessions_with_order,
        sum(sessions_with_checkout) as sessions_with_checkout,
        sum(bounces) as bounces
    from visits_by_segment
    group by date, segment_kind, segment
),

orders_by_segment as (
    select 'all' as segment_kind, 'all' as segment, orders.* from silver.orders as orders
    union all
    select 'device', device, orders.* from silver.orders as orders
    union all
    select 'operating_system', operating_system, orders.* from silver.orders as orders
    union all
    select 'browser', browser, orders.* from silver.orders as orders
),

order_totals as (
    select
        order_date as date, segment_kind, segment,
        count(*) as orders,
        sum(revenue) as revenue,
        sum(case when has_earlier_event then 0 else 1 end) as orders_without_event,
        sum(case when has_earlier_page_view then 0 else 1 end) as orders_without_page_view,
        sum(case when has_earlier_event_as_tracked then 0 else revenue end) as revenue_without_event_as_tracked,
        sum(case when has_earlier_checkout then 1 else 0 end) as orders_with_checkout,
        sum(case when is_collision then 1 else 0 end) as collisions,
        sum(case when revenue = 0 then 1 else 0 end) as free_orders
    from orders_by_segment
    group by order_date, segment_kind, segment
),

-- Revenue by the channel of the last click, and what no channel can be given, in both readings.
channel_totals as (
    select
        date, reading, channel, revenue, orders,
        sum(revenue) over (partition by date, reading) as whole_revenue
    from gold.channel_performance
    where model = 'last_click' and reading in ('as_tracked', 'healed')
),

received_totals as (
    select
        event_date as date,
        count(*) as order_events,
        sum(case when status in ('resubmission', 'amendment') then 1 else 0 end) as resubmissions,
        sum(case when status in ('quarantined', 'negative') then 1 else 0 end) as held
    from silver.received_orders
    group by event_date
),

item_totals as (
    select
        order_date as date,
        count(*) as lines,
        sum(case when amount is null then 1 else 0 end) as lines_without_amount,
        sum(case when item_id is null then 1 else 0 end) as lines_without_item
    from silver.order_items
    group by order_date
),

file_totals as (
    select
        file_date as date, count(*) as files, sum(records) as records, sum(unreadable) as unreadable, sum(rejected) as rejected,
        sum(repeated) as repeated
    from silver.files
    group by file_date
),

unioned as (
    select date, metric, segment_kind, segment, sum(numerator) as numerator, sum(denominator) as denominator
    from silver.event_metrics
    group by date, metric, segment_kind, segment

    union all
    select date, 'sessions', segment_kind, segment, sessions, null from visit_totals
    union all
    select date, 'visitors', segment_kind, segment, visitors, null from visit_totals
    union all
    select date, 'conversion', segment_kind, segment, sessions_with_order, sessions from visit_totals
    union all
    select date, 'checkout_rate', segment_kind, segment, sessions_with_checkout, sessions from visit_totals
    union all
    select date, 'bounce_rate', segment_kind, segment, bounces, sessions from visit_totals

    union all
    select date, 'orders', segment_kind, segment, orders, null from order_totals
    union all
    select date, 'revenue', segment_kind, segment, revenue, null from order_totals
    union all
    select date, 'average_order_value', segment_kind, segment, revenue, orders from order_totals
    union all
    select date, 'orders_without_event_share', segment_kind, segment, orders_without_event, orders from order_totals
    union all
    select date, 'orders_without_page_view_share', segment_kind, segment, orders_without_page_view, orders from order_totals
    union all
    select date, 'revenue_without_event_share_as_tracked', segment_kind, segment, revenue_without_event_as_tracked, revenue
    from order_totals
    union all
    select date, 'orders_with_checkout_share', segment_kind, segment, orders_with_checkout, orders from order_totals
    union all
    select date, 'collision_share', segment_kind, segment, collisions, orders from order_totals
    union all
    select date, 'free_order_share', segment_kind, segment, free_orders, orders from order_totals

    union all
    select date, 'revenue_by_channel', 'channel', channel, revenue, null from channel_totals where reading = 'healed'
    union all
    select date, 'revenue_by_channel_as_tracked', 'channel', channel, revenue, null
    from channel_totals
    where reading = 'as_tracked'
    union all
    select
        date, case reading when 'healed' then 'unattributed_share' else 'unattributed_share_as_tracked' end, 'all', 'all',
        sum(case when channel = 'Unattributed' then revenue else 0 end), max(whole_revenue)
    from channel_totals
    group by date, reading
    union all
    select
        date, case reading when 'healed' then 'direct_share' else 'direct_share_as_tracked' end, 'all', 'all',
        sum(case when channel = 'Direct' then revenue else 0 end), max(whole_revenue)
    from channel_totals
    group by date, reading

    union all
    select date, 'resubmission_share', 'all', 'all', resubmissions, order_events from received_totals
    union all
    select date, 'held_order_share', 'all', 'all', held, order_events from received_totals
    union all
    select date, 'line_amount_missing_share', 'all', 'all', lines_without_amount, lines from item_totals
    union all
    select date, 'item_missing_share', 'all', 'all', lines_without_item, lines from item_totals

    union all
    select date, 'files', 'all', 'all', files, null from file_totals
    union all
    select date, 'records', 'all', 'all', records, null from file_totals
    union all
    select date, 'unreadable_share', 'all', 'all', unreadable, records from file_totals
    union all
    select date, 'rejected_share', 'all', 'all', rejected, records from file_totals
    union all
    select date, 'repeated_share', 'all', 'all', repeated, records from file_totals
),

-- Completions against starts, both as events: the owner's checkout completion.
completions as (
    select
        orders.date, 'completions_per_start' as metric, 'all' as segment_kind, 'all' as segment,
        orders.numerator, checkouts.numerator as denominator
    from unioned as orders
    inner join unioned as checkouts
        on orders.date = checkouts.date and checkouts.metric = 'checkouts' and checkouts.segment_kind = 'all'
    where orders.metric = 'order_events' and orders.segment_kind = 'all'
)

select
    date, metric, segment_kind, segment,
    cast(numerator as decimal(18, 2)) as numerator,
    cast(denominator as decimal(18, 2)) as denominator
from unioned
union all
select
    date, metric, segment_kind, segment,
    cast(numerator as decimal(18, 2)),
    cast(denominator as decimal(18, 2))
from completions;


-- gold.ledger: revenue from the files to the orders, with every dollar on a named line. Gross minus the lines below it
-- equals counted. A difference is revenue that was lost or created on the way.
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
),

difference as (
    select
        sum(case when section < 10 then orders when section = 10 then -orders end) as orders,
        sum(case when section < 10 then amount when section = 10 then -amount end) as amount
    from lines
),

-- lines that are there even where nothing is on them
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
        (13, 'of counted: possible duplicates'), (14, 'deduplicating by transaction id alone would remove')
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


-- gold.headline_figures: the figures that were reported, by their definitions, as tracked and healed.
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
    from gold.unattributed
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
    select 2, 'conversion', 'healed', 'sessions with an order / sessions, without declared crawlers', sessions_with_order, sessions
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
    select 8, 'orders without an earlier page view', 'healed', 'by the healed id', orders_without_page_view, orders.orders
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
)

select
    position, figure, reading, definition,
    cast(coalesce(numerator, 0) as decimal(18, 2)) as numerator,
    cast(coalesce(denominator, 0) as decimal(18, 2)) as denominator,
    cast(coalesce(numerator, 0) as double) / nullif(cast(denominator as double), 0) as share
from figures;


-- gold.shop: what a reader must know of the shop to name an amount, an hour, a window and a lost column.
create or replace table gold.shop as
select
    {shop} as shop,
    {currency} as currency,
    {time_zone} as time_zone,
    {client_column} as client_column,
    {referrer_column} as referrer_column,
    {known_columns} as known_columns,
    -- what the contract maps; the figures of the other roles do not apply
    {roles} as roles,
    {session_gap_minutes} as session_gap_minutes,
    {window_days} as window_days;
