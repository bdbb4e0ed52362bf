# templates/shell/*, web/locale.rs, web/layout.rs, web/forms.rs

shell-product = 狼煙
shell-product-latin = Noroshi
shell-tagline = サイバー対処調整基盤
shell-skip = 本文へ移動
shell-nav = 主なメニュー
shell-search = 検索
shell-search-hint = 識別子、IPアドレス、ドメイン、番号（伏せ字のままで可）
shell-menu-person = 利用者メニュー
shell-hat = 現在の立場
shell-hat-change = 立場を切り替える
shell-hat-one = すべての操作は、この立場の一つで記録されます。
shell-sign-out = サインアウト
shell-sign-in = サインイン
shell-language = 言語
shell-theme = 表示
shell-theme-system = 端末に合わせる
shell-theme-light = 明るい
shell-theme-dark = 暗い
shell-footer-clock = 表示の時刻は日本標準時（JST）です。
shell-footer-keys = キー操作の一覧

# Bands
shell-demo = デモ
shell-demo-note = 架空の組織とデータです
shell-demo-become = この人として見る
shell-exercise = 演習
shell-exercise-note = 演習空間です。ここでの操作は実際の措置になりません。

# Dates: years, months, weekdays
shell-year = { $year }年
shell-era-reiwa =
    { $year ->
        [1] 令和元年
       *[other] 令和{ $year }年
    }
shell-era-heisei =
    { $year ->
        [1] 平成元年
       *[other] 平成{ $year }年
    }
shell-era-showa =
    { $year ->
        [1] 昭和元年
       *[other] 昭和{ $year }年
    }
shell-month-1 = 1月
shell-month-2 = 2月
shell-month-3 = 3月
shell-month-4 = 4月
shell-month-5 = 5月
shell-month-6 = 6月
shell-month-7 = 7月
shell-month-8 = 8月
shell-month-9 = 9月
shell-month-10 = 10月
shell-month-11 = 11月
shell-month-12 = 12月
shell-weekday-1 = 月
shell-weekday-2 = 火
shell-weekday-3 = 水
shell-weekday-4 = 木
shell-weekday-5 = 金
shell-weekday-6 = 土
shell-weekday-7 = 日
shell-date = { $year }{ $month }{ $day }日（{ $weekday }）
shell-moment = { $date }{ $time }
shell-stamp = { $year }/{ $month }/{ $day } { $time }

# Lengths of time
shell-days = { $n }日
shell-hours = { $h }時間{ $m }分
shell-minutes = { $n }分
shell-left = あと { $span }
shell-overdue = { $span } 超過
shell-ago = { $span }前
shell-just-now = たった今
shell-yen = { $n }円

# Figures and lists
shell-asof = { $at } 現在
shell-asof-source = 出所：{ $source }
shell-total =
    { $n ->
       *[other] 全{ $shown }件
    }
shell-range = { $from }–{ $to }件目
shell-hidden = 他に{ $n }件（表示していません）
shell-previous = 前へ
shell-next = 次へ
shell-pages = ページの移動
shell-none = なし
shell-unknown = 不明
shell-details = 詳細
shell-copy = コピー
shell-copied = コピーしました
shell-open = 開く
shell-print = 印刷
shell-export = 書き出し
shell-filter = 絞り込む
shell-clear = 条件を消す

# Forms
shell-required = 必須
shell-optional = 任意
shell-save = 保存
shell-submit = 提出
shell-next-step = 次へ進む
shell-back = 戻る
shell-total-least = { $shown }件以上
shell-unfilter = 条件を外す
shell-batch = 選んだものの操作
shell-batch-pick = 選ぶ
shell-batch-page = このページのすべて
shell-batch-whole = 条件に合うすべて
shell-batch-pattern = @件を選択
shell-batch-none = 選択なし
shell-page-size = 1ページの件数
shell-cancel = やめる
shell-confirm = 確認
shell-go-on = 実行する
shell-choose = 選んでください
shell-year-field = 年
shell-month-field = 月
shell-day-field = 日
shell-hour-field = 時
shell-minute-field = 分
shell-date-help = 例：2026年11月23日。令和の年は「R8」でも入力できます。全角でも構いません。
shell-step-done = 済
shell-step-current = 現在
shell-step-todo = 未
shell-steps = 手順
shell-error-summary =
    { $n ->
       *[other] { $n }か所を直してください
    }
shell-labelled = { $label }：{ $text }
shell-error-kept = 入力した内容は残っています。
shell-unsaved = 保存していない入力があります。このページを離れますか。
shell-error-required = 入力してください。
shell-error-too-long = 長すぎます。{ $max }文字以内で入力してください。
shell-error-number = 数字で入力してください。
shell-error-date = 存在する日付を入力してください。
shell-error-choice = 選択肢から選んでください。

# Tones, read aloud with the icon
shell-tone-ok = 正常
shell-tone-info = 情報
shell-tone-warn = 注意
shell-tone-bad = 問題
shell-tone-signal = 緊急

# Error pages
shell-error-title = この操作はできませんでした
shell-error-id = 問い合わせ番号
shell-error-time = 発生時刻
shell-error-next = 次にできること
shell-error-home = ホームへ戻る

# Keyboard help
shell-keys = キー操作
shell-keys-search = 検索へ移る
shell-keys-help = この一覧を開く
shell-keys-nav = メニューの何番目かを開く
shell-keys-close = 閉じる

# The countdown that ticks in the browser: @ is where noroshi.js writes the time
shell-left-pattern = あと @
shell-overdue-pattern = @ 超過
shell-unit-day = 日
shell-unit-hour = 時間
shell-unit-minute = 分
shell-unit-second = 秒
shell-language-ja = 日本語
shell-language-en = English
shell-error-code = 符号
shell-largest = 最大 { $n }
shell-keys-palette = コマンドパレットを開く
shell-palette = コマンドパレット
shell-palette-hint = ページ名、操作、識別子、検索語
shell-palette-search = 検索：@
shell-palette-open = 開く：@
shell-palette-help = ↑↓で選び、Enterで開きます。
shell-palette-count = 候補@件
shell-palette-link = 検索とコマンド
