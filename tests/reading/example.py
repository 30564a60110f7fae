"""A small plan whose numbers go together: each test breaks one thing in it."""

from simengine.plan import loads

TEXT = """
plan: {name: Balanced, currency: USD, start: 2027-01, months: 12, version: v1, as_of: 2026-12-31}
targets:
  - {name: board, metric: new_arr, period: FY2027, at_least: 1_750_000, confidence: 60 %}
segments:
  smb: {geo: NA}
assumptions:
  leads.inbound:
    plan: 75 per month
    distribution: {uniform: [60, 90]}
    unit: count per month
    source: {kind: historical, reference: web analytics, n: 33, as_of: 2026-10-01, grade: A}
    risk: {adverse: low}
    owner: Marketing
  win_rate.smb:
    plan: 25 %
    distribution: {uniform: [20 %, 30 %]}
    unit: fraction
    source: {kind: judgment, reference: CRO}
    risk: {adverse: low}
    owner: RevOps
  leaving.csm:
    plan: 0 % per year
    distribution: {discrete: {0 %: 60 %, 10 %: 40 %}}
    unit: fraction per year
    source: {kind: judgment, reference: HR}
    risk: {adverse: high}
source_policy: {historical: {drift: 0 %}, judgment: {widen: 1}}
team:
  roles:
    ae:
      capacity: {open_opportunities: 18}
      quota: 600_000 per year
      cost: {salary: 90_000 per year, variable: 90_000 per year}
    sdr: {hours: 100 per month}
    csm:
      carries: {customers: 150}
      attrition: {voluntary: leaving.csm}
      backfill: {policy: always, lag: 2 months}
      books_in: customer success
  seats:
    - {name: ae-smb, role: ae, segment: smb, team: North, existing: 4, tenure_months: 30}
    - {name: sdr, role: sdr, existing: 2}
    - {name: csm, role: csm, existing: 2}
  territories:
    - {name: East, seats: ae-smb, potential: x1, accounts: 210}
    - {name: West, seats: ae-smb, potential: x1, accounts: 190}
    - {name: South, seats: ae-smb, potential: x1, accounts: 200}
    - {name: Middle, seats: ae-smb, potential: x1, accounts: 205}
funnel:
  stages: [lead, opportunity]
  channels:
    inbound:
      spend: 20_000 per month
      response: {at_spend: 20_000 per month, half_saturation: x1}
      qualified_by: {role: sdr, hours: 2}
      segments:
        smb: {volume: leads.inbound, rates: [30 %], win_rate: win_rate.smb, cycle: 3 months, deal_size: 24_000}
    outbound:
      segments:
        smb:
          from_hours: {role: sdr, per_hour: 0.02}
          rates: [30 %]
          win_rate: win_rate.smb
          cycle: 3 months
          deal_size: 24_000
  opening_pipeline:
    rows:
      - {segment: smb, channel: inbound, stage: opportunity, age_months: 1, count: 64, value: 1_600_000}
base:
  smb:
    customers: 150
    arr: 4_500_000
    renewal_rate: 90 %
    named_accounts:
      - {name: Acme, arr: 240_000, renews: 2027-03, renewal_rate: 80 %}
      - {name: Globex, arr: 160_000, renews: 2027-09, renewal_rate: 95 %}
    expansion: {opportunities_per_customer: 0.2 per year, win_rate: 50 %, size: 8_000}
events:
  new site:
    kind: initiative
    owner: CMO
    source: {kind: judgment, reference: CMO}
    starts: 2027-07
    probability: 70 %
    plan: never
    effect: {leads.inbound: x1.2}
    cost: 10_000 per month
    upfront: 30_000
shocks:
  demand:
    source: {kind: judgment, reference: CFO}
    persistence: 0.8
    loadings: {leads.inbound: 5 %}
"""


def plan(*overrides):
    return loads(TEXT, overrides=overrides)
