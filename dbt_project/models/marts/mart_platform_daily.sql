with cells as (

    select * from {{ ref('cube_campaign_daily') }}

),

summed as (

    select
        send_date,
        {{ summed_measures() }}
    from cells
    group by send_date

)

select
    send_date,
    {% for measure in message_measures() -%}
    {{ measure }},
    {% endfor -%}
    {{ rates() }}
from summed
