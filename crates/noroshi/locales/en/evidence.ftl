# evidence
evidence-title = Evidence
evidence-lead = Objects from reports, sensors, partners and open sources, as they arrived.
evidence-search = Search
evidence-search-hint = Name, address, domain, hash or identifier (defanged is fine)
evidence-type = Type
evidence-all-types = All types
evidence-name = Name
evidence-modified = Version of
evidence-marking = Marking
evidence-originator = From
evidence-withdrawn = withdrawn
evidence-none = Nothing found
evidence-none-text = Every term must occur. Try fewer or shorter ones, or another type.
evidence-hidden = { $count } revoked or deprecated objects match and are not shown.
evidence-show-hidden = Show them too
evidence-source = evidence graph, { $count } objects
evidence-source-object = evidence graph
evidence-object-title = Object
evidence-about = About
evidence-id = Identifier
evidence-how = Came by
evidence-arrived = Arrived
evidence-names = Names
evidence-relations = Relations
evidence-relation = Relation
evidence-not-held = (not held, or not for this hat)
evidence-versions = Versions
evidence-no-versions = not versioned
evidence-digest = Digest
evidence-raw = As it arrived
evidence-comms = Stems from communications
evidence-comms-text = Class CIA: for national administrative organs only. The release gate lets nothing of it out.
evidence-conflicts =
    { $count ->
        [1] One contradicting version was put aside
       *[other] { $count } contradicting versions were put aside
    }

# Types of STIX 2.1
evidence-type-attack-pattern = Attack pattern
evidence-type-campaign = Campaign
evidence-type-course-of-action = Course of action
evidence-type-grouping = Grouping
evidence-type-identity = Identity
evidence-type-incident = Incident
evidence-type-indicator = Indicator
evidence-type-infrastructure = Infrastructure
evidence-type-intrusion-set = Intrusion set
evidence-type-location = Location
evidence-type-malware = Malware
evidence-type-marking-definition = Marking
evidence-type-note = Note
evidence-type-observed-data = Observed data
evidence-type-opinion = Opinion
evidence-type-relationship = Relationship
evidence-type-report = Report
evidence-type-sighting = Sighting
evidence-type-threat-actor = Threat actor
evidence-type-tool = Tool
evidence-type-vulnerability = Vulnerability
evidence-type-ipv4-addr = IPv4 address
evidence-type-ipv6-addr = IPv6 address
evidence-type-domain-name = Domain name
evidence-type-url = URL
evidence-type-file = File

# Refusals
NRS-EVID-0100 = `{ $value }` cannot be used for `{ $what }`.
NRS-EVID-0100-next = Look at the description of the API for the values it takes; give a cursor back as you got it.
NRS-EVID-0314 = A later version of `{ $name }` is loaded, or the same version with other entries.
NRS-EVID-0314-next = Look at the loaded lists; take the loaded one out first if the other is the right one.
NRS-EVID-0315 = It is on a warning list of values that much of the country uses:
NRS-EVID-0315-next = Take the target out, or have an analyst vouch for it with a reason.
NRS-EVID-0316 = The `{ $what }` cannot be used; a reason has 1 to { $max } characters.
NRS-EVID-0316-next = Give an address, name, locator or hash, and say why it is to be blocked all the same.
NRS-EVID-0317 = `{ $value }` is on no warning list.
NRS-EVID-0317-next = Nothing needs to be vouched for; go on without it.
NRS-EVID-0318 = The text is no warning list that can be read ({ $code }: { $message }).
NRS-EVID-0318-next = Give one list as MISP publishes it: name, version, type and list.
NRS-EVID-0319 = This command does not bring in files of this kind.
NRS-EVID-0319-next = Load warning lists with `noroshi stix lists`; turn MISP events into STIX first.
