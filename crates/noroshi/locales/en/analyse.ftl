# analyse
analyse-picture-title = The national picture
analyse-picture-lead = Damage reported under the Act, by sector, kind and day.
analyse-picture-empty = No damage to show yet
analyse-picture-empty-text = The picture forms as soon as operators file reports.
analyse-picture-fineprint = Days are days in Japan, by occurrence, or by awareness where the occurrence is not known. The same person may be counted by several reports.
analyse-campaigns-waiting =
    { $count ->
        [1] One group of reports looks like one campaign
       *[other] { $count } groups of reports look like campaigns
    }
analyse-campaigns-look = Look at the reasons and open a joint case
analyse-small-cells = Cells of fewer than { $min } operators are not shown
analyse-small-cells-count = { $count } cells are left out, because they would name the operators in them. Totals are sums of what is shown.
analyse-total-reports = Reports
analyse-total-reports-note = each incident once
analyse-total-organisations = Operators
analyse-total-minutes = Service lost (minutes)
analyse-total-minutes-note = as reported
analyse-total-persons = Persons affected
analyse-total-persons-note = as reported
analyse-total-yen = Loss
analyse-minutes = { $n } min
analyse-by-sector = Service lost, by sector
analyse-by-day = Reports, by day
analyse-by-day-figure = Reports a day
analyse-table = By sector and kind of damage
analyse-sector = Sector
analyse-damage = Damage
analyse-source-reports = reports filed by operators
analyse-source-items = { $count } reports, sightings and partners' objects
analyse-source-cases = joint cases
analyse-source-graph = reports, sightings and the evidence graph

analyse-correlations-title = What belongs together
analyse-correlations-lead = Reports, sightings and partners' objects that name the same things, with the reason for each link.
analyse-no-groups = Nothing belongs together yet
analyse-no-groups-text = Groups form when two items name the same address, name, locator or file.
analyse-hidden-reports = { $count } statutory reports are not included
analyse-hidden-reports-why = Your hat does not read operators' reports.
analyse-group = Group of { $count }
analyse-campaign = Looks like one campaign: { $score } of { $max } points
analyse-campaign-note = A reason for people to look, not a finding. It says nothing about who is behind it.
analyse-campaign-parts = How the points came about
analyse-part-victims = Operators concerned: { $value }
analyse-part-shared = Observables they share: { $value }
analyse-part-sectors = Sectors: { $value }
analyse-part-closeness = Days between first and last: { $value }
analyse-why = Why they belong together
analyse-strong = Same
analyse-weak = Related
analyse-reason-same = is named by
analyse-reason-inside = contains { $inner }; named by
analyse-reason-near = is the neighbourhood of { $inner }; named by
analyse-reason-items =
    { $count ->
        [1] one item
       *[other] { $count } items
    }
analyse-near = Neighbours
analyse-near-note = Addresses in one small network. They join nothing; they may be worth a look.
analyse-passed = Not followed
analyse-passed-note = So many items name these, or they exist in so many networks, that they say nothing.
analyse-passed-frequent = too common:
analyse-passed-local = exists in every network:
analyse-member = What
analyse-member-kind = Kind
analyse-members = Members
analyse-names = Names
analyse-time = When
analyse-kind-report = Report
analyse-kind-sighting = Sighting
analyse-kind-partner = Partner
analyse-operator-withheld = An operator

analyse-open = Open a joint case
analyse-case-there = To the joint case
analyse-cases-title = Joint cases
analyse-cases-lead = Where organs put what they know side by side.
analyse-no-cases = No joint case yet
analyse-no-cases-text = Open one from a group that belongs together.
analyse-case-title = Case
analyse-case-title-suggested = Joint case: { $observable }
analyse-opened = Opened
analyse-state-open = Open
analyse-new-title = Open a joint case
analyse-new-lead = Every member and its reason comes along. You can add and take out later, each with a reason.
analyse-new-members = What the case begins with
analyse-field-title = Title
analyse-field-summary = Summary
analyse-field-summary-help = What is known, in a few sentences. Notes can follow.
analyse-field-text = Note
analyse-field-text-help = Notes stay as written. Write another one to correct.
analyse-field-item = Identifier
analyse-field-item-help = Of a report, a sighting or an object of the evidence graph.
analyse-field-reason = Reason
analyse-field-gone = What to take out
analyse-field-gone-reason = Reason for taking it out
analyse-field-gone-reason-help = It stays on record that it was in the case, and why it no longer is.
analyse-names-withheld = Operators' names are not shown
analyse-names-withheld-why = Your hat does not read operators' reports; sector, damage and observables are shown.
analyse-graph = Graph of the case
analyse-graph-about = Reports at the left, what they name in the middle, sightings and partners' objects at the right. The tables below say the same.
analyse-graph-legend = Thick lines lead to what several members name. Each mark leads to its page.
analyse-graph-whole = Everything is drawn.
analyse-members-gone = { $count } members are no longer held or revoked.
analyse-observables = What is named
analyse-named-by = by { $count }
analyse-timeline = Timeline
analyse-leaf = leaf { $n }
analyse-event-case-open = Case opened
analyse-event-case-note = Note written
analyse-event-case-add = Member added
analyse-event-case-remove = Member taken out
analyse-event-report = Incident reported by an operator
analyse-event-sighting = Seen by a sensor
analyse-event-partner = Object made by a partner
analyse-notes = Notes
analyse-note-write = Write a note
analyse-change-members = Members
analyse-add = Add a member
analyse-remove = Take a member out
analyse-removed = Taken out

# Refusals
NRS-ANAL-0001 = The case cannot be changed like this.
NRS-ANAL-0001-next = Correct what is listed and send it again.
NRS-ANAL-0002 = A text is missing.
NRS-ANAL-0002-next = Write it.
NRS-ANAL-0003 = A text is longer than { $max } characters.
NRS-ANAL-0003-next = Shorten it.
NRS-ANAL-0004 = A case has between one and { $max } members.
NRS-ANAL-0004-next = Name at least one report, sighting or object, and not more than that.
NRS-ANAL-0005 = There is no item `{ $id }` that you may see.
NRS-ANAL-0005-next = Take identifiers from the page of what belongs together.
