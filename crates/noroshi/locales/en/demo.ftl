# Words of the demonstration (a fictional nation).

demo-persona-officer = Operator's officer
demo-persona-officer-org = Hokushin Logistics (fictional)
demo-persona-analyst = Analyst
demo-persona-analyst-org = Cabinet Office Analysis (fictional)
demo-persona-minister = Minister's desk
demo-persona-minister-org = Ministry for Electricity (fictional)
demo-persona-police = Police requester
demo-persona-police-org = Police (fictional)
demo-persona-chair = Chair
demo-persona-chair-org = Supervisory Commission (fictional)
demo-persona-member = Member
demo-persona-member-org = Supervisory Commission (fictional)
demo-persona-executor = Executor
demo-persona-executor-org = Execution Team (fictional)
demo-persona-legal = Release reviewer
demo-persona-legal-org = Cabinet Office Analysis (fictional)
demo-persona-admin = Administrator
demo-persona-admin-org = National Cybersecurity Office (fictional)

demo-people = A fictional nation is ready: { $orgs } organisations, { $people } people and sensors. Using the set-up token twice was refused.
demo-report = The officer of { $operator } files the initial report: receipt { $number }, leaf { $leaf } of the log, proof checked offline. Full report due { $due }.
demo-desks = The minister's desk sees its own sector, the Prime Minister's desk all; for other operators the report does not exist.
demo-sift = { $sensor }: looked at { $seen } records, kept { $kept }, destroyed the rest, handed in the certificate of selection.
demo-picture = Reports, sightings and allied evidence meet: { $cells } cells in the picture; three victims joined by { $reasons } shared observables, { $members } members shown with the reasons.
demo-request = A joint case; the police ask for a measure (digest { $digest }); { $batches } batches, one a consenting operator, shown before anybody decides.
demo-decision = The commission asks, and approves with a condition by { $votes } named votes. A vote by the requester and a vote on other content were refused.
demo-active = The playbook ran: { $effects } effects are on the devices ({ $where }), read back from the devices themselves.
demo-ended = After { $seconds } s the blocks ended by themselves and the devices are as before. The requester reported.
demo-full-report = The electricity operator files the full report with all seven items: receipt { $number }.
demo-share = The ally reads { $objects } objects over TAXII; { $refused } that may not leave were held back, with the reason.
demo-verified = A copy of the log ({ $leaves } leaves) verifies offline. With one byte changed it is refused: { $lie }. { $counts } rows of the annual count were recounted from the log alone.
demo-done = Every step of the story was checked ({ $seconds } s).
demo-invite = Look for yourself: { $url } (Ctrl-C ends it)

NRS-DEMO-0001 = The demonstration needs an empty folder.
NRS-DEMO-0001-next = Give an empty folder with --data, or leave it out.
NRS-DEMO-0002 = A step of the story did not hold.
NRS-DEMO-0002-next = Report it as a defect, with the step and the reason shown.
