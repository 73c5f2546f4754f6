{#- Generated from pipelines/cubes by `make sync`; do not edit. -#}
{{ config(**slices('send_date')) }}

{{ cube('cube_read_latency_daily') }}
