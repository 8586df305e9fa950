/// What the pages are made of. Each method may call back in a later turn of the admin server's loop, so that the data can
/// be asked of other loops through their mailboxes.
public protocol AdminSource: AnyObject {
    func status(_ done: @escaping (StatusSnapshot) -> Void)
    func calls(_ done: @escaping ([CallSnapshot]) -> Void)
    /// The last calls that failed or were refused.
    func failedCalls(_ done: @escaping ([CallSnapshot]) -> Void)
    func registrations(_ done: @escaping ([RegistrationSnapshot]) -> Void)
    func trunks(_ done: @escaping ([TrunkSnapshot]) -> Void)
}

extension AdminServer {
    /// Serves `/healthz`, `/metrics`, `/status`, `/calls`, `/registrations` and `/trunks` from `source`; the last four
    /// as text, or with `?format=json` as JSON.
    public func servePages(of source: any AdminSource) {
        route("/healthz") { _, reply in reply.send("ok\n") }
        route("/metrics") { [weak source] _, reply in
            source?.status { status in
                source?.trunks { reply.send(MetricsText(status, trunks: $0).text, as: .metrics) }
            }
        }
        route("/status") { [weak source] request, reply in
            source?.status { reply.send($0, for: request, StatusPage.text) }
        }
        route("/calls") { [weak source] request, reply in
            if request.query["failed"] != nil {
                source?.failedCalls { reply.send($0, for: request, StatusPage.failed) }
            } else {
                source?.calls { reply.send($0, for: request, StatusPage.text) }
            }
        }
        route("/registrations") { [weak source] request, reply in
            source?.registrations { reply.send($0, for: request, StatusPage.text) }
        }
        route("/trunks") { [weak source] request, reply in
            source?.trunks { reply.send($0, for: request, StatusPage.text) }
        }
    }
}

extension AdminReply {
    fileprivate func send<Page: Encodable>(_ page: Page, for request: AdminRequest, _ text: (Page) -> String) {
        switch request.query["format"] ?? "text" {
        case "text": send(text(page))
        case "json": send(StatusPage.json(page), as: .json)
        default: send("format is text or json\n", status: 400)
        }
    }
}
