import SIP

// Where a body has its session description: on its own or among other parts (RFC 5621), which cross as they came.

extension ProxyCore {
    /// Where the body has its session description; nil where it has none. What can't be told is refused: it would show
    /// one side's addresses to the other (security 21).
    func sessionBody(of message: Message) throws(MediaFailure) -> SessionBody? {
        do {
            return try message.sessionBody()
        } catch {
            throw MediaFailure(error)
        }
    }

    /// The body with another session description, no longer than a message may be (security 14).
    func replaced(
        _ body: SessionBody, with description: [UInt8], in message: Message
    ) throws(MediaFailure) -> [UInt8] {
        let octets = body.replacing(with: description, in: message.bytes)
        guard octets.count <= MessageParser.maximumSize - message.body.lowerBound else {
            throw MediaFailure(status: 513, reason: "Message Too Large")
        }
        return octets
    }

    /// What of the body may cross when its session description may not.
    func bodyWithoutSession(of message: Message) -> [UInt8] {
        guard let body = try? message.sessionBody() else { return [] }
        return body.withoutDescription(in: message.bytes)
    }

    /// Candidates that come one by one (RFC 8840) are for an ICE agent on the other side, and there is none but ours, which
    /// needs none: they would only show one side's addresses to the other.
    func refuseCandidates(of message: Message) throws(MediaFailure) {
        let hasCandidates: Bool
        do {
            hasCandidates = try message.hasICECandidates()
        } catch {
            throw MediaFailure(error)
        }
        guard !hasCandidates else { throw MediaFailure(status: 415, reason: "ICE Candidates End Here") }
    }
}

extension MediaFailure {
    fileprivate init(_ defect: Message.Defect) { self.init(status: defect.status, reason: defect.reason) }
}
