-- Macros that row_checks.sql, pass.sql and derive.sql call. contract_sql.py fills in the {{braces}} from the contract.

-- addresses
create macro host_of(url) as lower(regexp_extract(url, '^[^/]*/[^/]*/([^/?#:]*)', 1));
create macro own_host(host) as {own_host};
create macro own_domain(host) as {own_domain};
create macro clean_query(url) as regexp_full_match(url, {clean_url});
create macro raw_key(url) as split_part(list_filter(
    string_split(regexp_extract(url, '[?]([^#]*)', 1), '&'),
    lambda part: not regexp_full_match(part, {pair}))[1], '=', 1);
create macro place_of(url) as
    left(regexp_replace(regexp_extract(url, '^https?://[^/?#]*([^?#]*)', 1), '[^/]{{24,}}', '...', 'g'), 40);
create macro token_of(page) as {token};
create macro is_confirmation(page) as {is_confirmation};

-- events and their payloads
create macro step_of(event) as {step};
create macro event_name_of(event) as {event_name};
create macro amount_of(payload) as {amount};
create macro valid_json(text) as {valid_json};
create macro is_encoded_object(text) as
    case when starts_with(ltrim(text), '"')
        then coalesce(starts_with(ltrim(json_extract_string(text, '$')), '{{') and json_valid(json_extract_string(text, '$')), false)
        else false end;
create macro key_name(key) as
    case when key = '' or contains(key, '.') or contains(key, '[') then '"' || key || '"' else key end;
create macro parent_of(path) as regexp_replace(path, '[.]?[^.]*$', '');

-- personal data
create macro luhn(digits) as list_sum(list_transform(range(length(digits)), lambda i:
    case when i % 2 = 0 then cast(digits[length(digits) - i] as integer)
         else (cast(digits[length(digits) - i] as integer) * 2) // 10
            + (cast(digits[length(digits) - i] as integer) * 2) % 10 end)) % 10 = 0;
create macro card_in(value) as list_filter(
    list_transform(regexp_extract_all(value, {card}, 1), lambda s: regexp_replace(s, '[^0-9]', '', 'g')),
    lambda digits: luhn(digits))[1];
create macro masked(value) as left(value, 4) || regexp_replace(substr(value, 5, 36), '[A-Za-z0-9]', '*', 'g');
-- An order id identifies no person, unless an address was sent as one.
create macro order_id_shown(id) as case when contains(id, '@') then masked(id) else left(id, 60) end;
