# evidence
evidence-title = 証拠
evidence-lead = 報告、センサー、提供元、公開情報から届いたオブジェクトです。届いたままの形で保管しています。
evidence-search = 検索
evidence-search-hint = 名前、アドレス、ドメイン、ハッシュ、識別子（伏せ字のままで可）
evidence-type = 種類
evidence-all-types = すべての種類
evidence-name = 名前
evidence-modified = 版の日時
evidence-marking = 取扱い
evidence-originator = 提供元
evidence-withdrawn = 取下げ
evidence-none = 見つかりません
evidence-none-text = すべての語を含むものを探します。語を減らすか短くする、または種類を変えてみてください。
evidence-hidden = 取り消されたか古くなった{ $count }件は表示していません。
evidence-show-hidden = それらも表示する
evidence-source = 証拠グラフ { $count }件
evidence-source-object = 証拠グラフ
evidence-object-title = オブジェクト
evidence-about = 概要
evidence-id = 識別子
evidence-how = 経路
evidence-arrived = 受領
evidence-names = 挙げているもの
evidence-relations = 関係
evidence-relation = 関係
evidence-not-held = （保持していないか、現在の立場では見られません）
evidence-versions = 版
evidence-no-versions = 版なし
evidence-digest = ダイジェスト
evidence-raw = 届いたままの内容
evidence-comms = 通信に由来する情報です
evidence-comms-text = 区分はCIA。国の行政機関に限られ、提供の審査を通ることはありません。
evidence-conflicts =
    { $count ->
       *[other] 矛盾する版が{ $count }件あり、別に保管しています
    }

# STIX 2.1の種類
evidence-type-attack-pattern = 攻撃手法
evidence-type-campaign = 活動
evidence-type-course-of-action = 対策
evidence-type-grouping = グループ
evidence-type-identity = 組織・個人
evidence-type-incident = 事案
evidence-type-indicator = 指標
evidence-type-infrastructure = 攻撃基盤
evidence-type-intrusion-set = 侵入活動群
evidence-type-location = 場所
evidence-type-malware = マルウェア
evidence-type-marking-definition = 取扱い区分
evidence-type-note = メモ
evidence-type-observed-data = 観測データ
evidence-type-opinion = 意見
evidence-type-relationship = 関係
evidence-type-report = レポート
evidence-type-sighting = 観測
evidence-type-threat-actor = 攻撃者
evidence-type-tool = ツール
evidence-type-vulnerability = 脆弱性
evidence-type-ipv4-addr = IPv4アドレス
evidence-type-ipv6-addr = IPv6アドレス
evidence-type-domain-name = ドメイン名
evidence-type-url = URL
evidence-type-file = ファイル

# Refusals
NRS-EVID-0100 = 「{ $what }」に「{ $value }」は使えません。
NRS-EVID-0100-next = 使える値はAPIの説明にあります。cursorは前の答えのまま返してください。
NRS-EVID-0314 = `{ $name }` はより新しい版、または同じ版で内容の異なるものが読み込まれています。
NRS-EVID-0314-next = 読み込み済みのリストを確認し、正しいのが新しい方なら先に今のものを外してください。
NRS-EVID-0315 = 広く使われている値の警告リストに載っています:
NRS-EVID-0315-next = 対象から外すか、分析担当者に理由を付けて確認してもらってください。
NRS-EVID-0316 = `{ $what }` は使えません。理由は1文字以上{ $max }文字以内です。
NRS-EVID-0316-next = アドレス、名前、URL、ハッシュのいずれかと、それでも遮断する理由を書いてください。
NRS-EVID-0317 = `{ $value }` はどの警告リストにも載っていません。
NRS-EVID-0317-next = 確認は要りません。そのまま進めてください。
NRS-EVID-0318 = 警告リストとして読めません ({ $code }: { $message })。
NRS-EVID-0318-next = MISPが公開している形式(name、version、type、list)のリストを一つ渡してください。
NRS-EVID-0319 = このコマンドはこの種類のファイルを取り込みません。
NRS-EVID-0319-next = 警告リストは `noroshi stix lists` で読み込み、MISPイベントは先にSTIXへ変換してください。
