# 実演（架空の国）で使う言葉。

demo-persona-officer = 事業者の担当者
demo-persona-officer-org = 北辰運輸（架空）
demo-persona-analyst = 分析官
demo-persona-analyst-org = 内閣府分析室（架空）
demo-persona-minister = 所管大臣の窓口
demo-persona-minister-org = 電力所管省（架空）
demo-persona-police = 警察の請求者
demo-persona-police-org = 警察（架空）
demo-persona-chair = 委員長
demo-persona-chair-org = 監理委員会（架空）
demo-persona-member = 委員
demo-persona-member-org = 監理委員会（架空）
demo-persona-executor = 執行官
demo-persona-executor-org = 措置執行班（架空）
demo-persona-legal = 提供の審査官
demo-persona-legal-org = 内閣府分析室（架空）
demo-persona-admin = 管理者
demo-persona-admin-org = 国家サイバー統括室（架空）

demo-people = 架空の国を用意しました。{ $orgs } 組織、{ $people } 人（と装置）。使い終わった初期設定トークンの再利用は断られました。
demo-report = { $operator } の担当者が初報を提出。受付番号 { $number }、記録 { $leaf } 番。証明を手元で検算しました。最終報の期限 { $due }。
demo-desks = 所管大臣の窓口は自分の分野だけ、総理の窓口はすべてを閲覧。ほかの事業者には「存在しない」と答えます。
demo-sift = { $sensor }: { $seen } 件を見て { $kept } 件だけを残し、残りは破棄。選別証明を提出しました。
demo-picture = 報告・観測・同盟国の情報が一つの絵に。状況表 { $cells } 欄、三つの被害が { $reasons } 個の共通点で結ばれ、関係する { $members } 件を示します。
demo-request = 合同事案を開き、警察が措置を請求（内容の指紋 { $digest }）。同意した事業者ごとの設定 { $batches } 組を事前に表示。
demo-decision = 監理委員会が質問し、{ $votes } 人の記名投票で条件付き承認。請求者の投票と、別の内容への投票は断られました。
demo-active = 手順書を実行し、{ $effects } 個の遮断が機器に入りました（{ $where }）。機器側から読み戻して確認。
demo-ended = { $seconds } 秒の期限で遮断は自動的に終わり、機器は元どおり。請求者が結果を報告しました。
demo-full-report = 電力事業者が最終報（7項目すべて）を提出。受付番号 { $number }。
demo-share = 同盟国が TAXII で { $objects } 個を取得。提供できない { $refused } 個は、理由を示して出しませんでした。
demo-verified = 記録の写し（{ $leaves } 件）を手元で検証。1バイト変えた写しは拒まれました: { $lie }。年次集計 { $counts } 行は記録だけから数え直しました。
demo-done = 物語のすべての段を確かめました（{ $seconds } 秒）。
demo-invite = 続きは画面で: { $url } （終わるには Ctrl-C）

NRS-DEMO-0001 = 実演には空のフォルダーが必要です。
NRS-DEMO-0001-next = --data に空のフォルダーを指定するか、指定を外してください。
NRS-DEMO-0002 = 物語の一つの段が成り立ちませんでした。
NRS-DEMO-0002-next = 表示された段と理由を添えて、不具合として報告してください。
