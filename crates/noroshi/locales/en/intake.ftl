# intake: reports, drafts, receipts

# Refusals
NRS-INTK-0001 = The report could not be taken
NRS-INTK-0001-next = Correct the items below and file again. The draft and everything you typed are kept.
NRS-INTK-0002 = The operator's name is missing
NRS-INTK-0003 = The contact is missing
NRS-INTK-0004 = The outline of the event is missing (item 3 is needed in the full report)
NRS-INTK-0005 = No computer is named (item 4 is needed in the full report)
NRS-INTK-0006 = The technical matters are missing (item 5 is needed in the full report)
NRS-INTK-0007 = The response is missing (item 6 is needed in the full report)
NRS-INTK-0008 = Other matters are missing; write "none" if there are none (item 7)
NRS-INTK-0010 = The time of awareness is missing
NRS-INTK-0011 = The time of awareness lies in the future
NRS-INTK-0012 = The time of awareness lies before the occurrence
NRS-INTK-0013 = The time of the occurrence lies in the future
NRS-INTK-0014 = The end lies before the beginning
NRS-INTK-0015 = The computer has no name
NRS-INTK-0016 = This computer has not been notified. The report is taken; a notification is owed besides
NRS-INTK-0017 = For these computers there is no duty to report a mere precursor. The report is taken
NRS-INTK-0018 = A full report came without an initial one. The report is taken
NRS-INTK-0019 = The stage is none of initial, supplement and final
NRS-INTK-0020 = There is no such class of computer
NRS-INTK-0021 = Too long: at most { $max } characters
NRS-INTK-0022 = Not readable as an address, a domain name, a URL or a hash. Kept as text
NRS-INTK-0023 = Not a day and time that exist, or not in a form that can be read
NRS-INTK-0024 = There is no such kind of event
NRS-INTK-0025 = There is no such kind of damage
NRS-INTK-0026 = Too many: at most { $max }
NRS-INTK-0027 = The amount is too large
NRS-INTK-0028 = A report of this stage cannot follow in the present state
NRS-INTK-0029 = The time of awareness cannot be changed; correct it with a reason
NRS-INTK-0030 = The conditions of the list could not be read
NRS-INTK-0030-next = Use cursor, limit, sector, state and overdue only, and give the cursor back as it was answered.
NRS-INTK-0031 = Give the reason for the correction in at most 2000 characters
NRS-INTK-0032 = The log's signature has not arrived yet
NRS-INTK-0032-next = The report is taken and will not be lost. Open the receipt again in a few seconds.
