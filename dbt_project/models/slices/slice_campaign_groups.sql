-- Campaigns of a day whose audiences differ by fewer than k contacts are one group: the difference of their
-- figures would be those few contacts. Likeness is passed on: a, b and c are one group if a is like b and b
-- like c. Equal audiences have no difference, and stay apart.
with recursive audiences as (

    select
        send_date,
        workspace_id,
        campaign_ref,
        unit_token
    from {{ ref('slice_messages') }}
    group by send_date, workspace_id, campaign_ref, unit_token

),

sizes as (

    select
        send_date,
        workspace_id,
        campaign_ref,
        count(unit_token) as contacts
    from audiences
    group by send_date, workspace_id, campaign_ref

),

shared as (

    select
        mine.send_date,
        mine.workspace_id,
        mine.campaign_ref,
        theirs.campaign_ref as other_ref,
        count(*) as contacts
    from audiences as mine
    inner join audiences as theirs
        on
            mine.send_date = theirs.send_date
            and mine.workspace_id = theirs.workspace_id
            and mine.unit_token = theirs.unit_token
    where mine.campaign_ref <> theirs.campaign_ref
    group by mine.send_date, mine.workspace_id, mine.campaign_ref, theirs.campaign_ref

),

alike as (

    select
        shared.send_date,
        shared.workspace_id,
        shared.campaign_ref,
        shared.other_ref
    from shared
    inner join sizes as mine
        on
            shared.send_date = mine.send_date
            and shared.workspace_id = mine.workspace_id
            and shared.campaign_ref = mine.campaign_ref
    inner join sizes as theirs
        on
            shared.send_date = theirs.send_date
            and shared.workspace_id = theirs.workspace_id
            and shared.other_ref = theirs.campaign_ref
    where
        mine.contacts + theirs.contacts - 2 * shared.contacts
        between 1 and {{ var('minimum_contacts') }} - 1

),

connected as (

    select
        send_date,
        workspace_id,
        campaign_ref,
        campaign_ref as member_ref
    from sizes
    union
    select
        connected.send_date,
        connected.workspace_id,
        connected.campaign_ref,
        alike.other_ref as member_ref
    from connected
    inner join alike
        on
            connected.send_date = alike.send_date
            and connected.workspace_id = alike.workspace_id
            and connected.member_ref = alike.campaign_ref

)

select
    send_date,
    workspace_id,
    campaign_ref,
    min(member_ref) as group_ref
from connected
group by send_date, workspace_id, campaign_ref
