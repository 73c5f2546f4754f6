-- Every published cell holds at least `minimum_contacts` distinct contacts.
{{ config(group='restricted') }}

select 1 as too_small
from {{ ref('cube_campaign_daily') }}
where audience_contacts < {{ var('minimum_contacts') }}
