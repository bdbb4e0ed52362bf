# templates/shell/*, web/locale.rs, web/layout.rs, web/forms.rs

shell-product = Noroshi
shell-product-latin = 狼煙
shell-tagline = Cyber response coordination
shell-skip = Skip to content
shell-nav = Main menu
shell-search = Search
shell-search-hint = Identifier, IP address, domain, number (defanged is fine)
shell-menu-person = Your menu
shell-hat = Acting as
shell-hat-change = Change hat
shell-hat-one = Everything you do is recorded under this one hat.
shell-sign-out = Sign out
shell-sign-in = Sign in
shell-language = Language
shell-theme = Appearance
shell-theme-system = System
shell-theme-light = Light
shell-theme-dark = Dark
shell-footer-clock = Times are shown in Japan Standard Time (JST).
shell-footer-keys = Keyboard shortcuts

# Bands
shell-demo = Demo
shell-demo-note = Fictional organisations and data
shell-demo-become = See it as
shell-exercise = Exercise
shell-exercise-note = This is an exercise space. Nothing done here becomes a real measure.

# Dates: years, months, weekdays
shell-year = { $year }
shell-era-reiwa =
    { $year ->
       *[other] Reiwa { $year }
    }
shell-era-heisei =
    { $year ->
       *[other] Heisei { $year }
    }
shell-era-showa =
    { $year ->
       *[other] Showa { $year }
    }
shell-month-1 = Jan
shell-month-2 = Feb
shell-month-3 = Mar
shell-month-4 = Apr
shell-month-5 = May
shell-month-6 = Jun
shell-month-7 = Jul
shell-month-8 = Aug
shell-month-9 = Sep
shell-month-10 = Oct
shell-month-11 = Nov
shell-month-12 = Dec
shell-weekday-1 = Mon
shell-weekday-2 = Tue
shell-weekday-3 = Wed
shell-weekday-4 = Thu
shell-weekday-5 = Fri
shell-weekday-6 = Sat
shell-weekday-7 = Sun
shell-date = { $weekday } { $day } { $month } { $year }
shell-moment = { $date } { $time } JST
shell-stamp = { $year }-{ $month }-{ $day } { $time }

# Lengths of time
shell-days =
    { $n ->
        [one] { $n } day
       *[other] { $n } days
    }
shell-hours = { $h } h { $m } min
shell-minutes = { $n } min
shell-left = { $span } left
shell-overdue = { $span } overdue
shell-ago = { $span } ago
shell-just-now = just now
shell-yen = JPY { $n }

# Figures and lists
shell-asof = As of { $at }
shell-asof-source = Source: { $source }
shell-total =
    { $n ->
        [one] { $shown } item
       *[other] { $shown } items
    }
shell-range = { $from }–{ $to }
shell-hidden = { $n } more, not shown
shell-previous = Previous
shell-next = Next
shell-pages = Pages
shell-none = None
shell-unknown = Unknown
shell-details = Details
shell-copy = Copy
shell-copied = Copied
shell-open = Open
shell-print = Print
shell-export = Export
shell-filter = Filter
shell-clear = Clear filters

# Forms
shell-required = Required
shell-optional = Optional
shell-save = Save
shell-submit = Submit
shell-next-step = Continue
shell-back = Back
shell-total-least = at least { $shown }
shell-unfilter = Clear the filter
shell-batch = What to do with what is picked
shell-batch-pick = Pick
shell-batch-page = all on this page
shell-batch-whole = all that match
shell-batch-pattern = @ picked
shell-batch-none = none picked
shell-page-size = Per page
shell-cancel = Cancel
shell-confirm = Confirm
shell-go-on = Go ahead
shell-choose = Choose one
shell-year-field = Year
shell-month-field = Month
shell-day-field = Day
shell-hour-field = Hour
shell-minute-field = Minute
shell-date-help = For example 2026 11 23. Reiwa years may be written R8.
shell-step-done = Done
shell-step-current = Now
shell-step-todo = To do
shell-steps = Steps
shell-error-summary =
    { $n ->
        [one] One thing needs correcting
       *[other] { $n } things need correcting
    }
shell-labelled = { $label }: { $text }
shell-error-kept = What you typed has been kept.
shell-unsaved = Some of what you typed is not saved. Leave this page?
shell-error-required = Fill this in.
shell-error-too-long = Too long. Use at most { $max } characters.
shell-error-number = Enter a number.
shell-error-date = Enter a date that exists.
shell-error-choice = Choose one of the options.

# Tones, read aloud with the icon
shell-tone-ok = OK
shell-tone-info = Information
shell-tone-warn = Caution
shell-tone-bad = Problem
shell-tone-signal = Urgent

# Error pages
shell-error-title = This could not be done
shell-error-id = Reference
shell-error-time = Time
shell-error-next = What you can do
shell-error-home = Go to the home page

# Keyboard help
shell-keys = Keyboard shortcuts
shell-keys-search = Go to search
shell-keys-help = Open this list
shell-keys-nav = Open the nth menu entry
shell-keys-close = Close

# The countdown that ticks in the browser: @ is where noroshi.js writes the time
shell-left-pattern = @ left
shell-overdue-pattern = @ overdue
shell-unit-day = {" "}days
shell-unit-hour = {" "}h
shell-unit-minute = {" "}min
shell-unit-second = {" "}s
shell-language-ja = 日本語
shell-language-en = English
shell-error-code = Code
shell-largest = max { $n }
shell-keys-palette = Open the command palette
shell-palette = Command palette
shell-palette-hint = Page, action, identifier or words to search for
shell-palette-search = Search: @
shell-palette-open = Open: @
shell-palette-help = ↑↓ to choose, Enter to open.
shell-palette-count = @ entries
shell-palette-link = Search and commands
