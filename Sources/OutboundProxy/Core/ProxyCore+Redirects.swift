import NetworkTypes
import SIP

// A trunk whose 3xx we follow (RFC 3261 §16.7 step 4; design §10: `redirects: follow`).

extension ProxyCore {
    /// The most contacts that one request is sent on to.
    private static let mostContacts = 5

    /// Puts the contacts of a 3xx among the targets, and returns what is left of the response for the one who asked: nil
    /// where nothing is.
    ///
    /// They are tried outside only, the most wanted first, and none twice. A 305 or 380 says something else than where
    /// the callee is, and passes.
    func recurse(on response: Message, of server: ServerTransaction, at now: Instant) -> Message? {
        guard (300...302).contains(response.status), let failover = server.failover,
            failover.forwarding.trunkSettings?.redirects == .follow, failover.forwarding.egress == .outside,
            !server.isCancelled, !server.isFinal, now < failover.deadline
        else { return response }
        var taken: [(contact: Range<Int>, target: Forwarding.Alternative)] = []
        for contact in contacts(of: response) where failover.followed.count < Self.mostContacts {
            guard let target = target(at: contact, of: response, failover) else { continue }
            taken.append((contact.range, target))
            failover.followed.append(target.uri)
        }
        guard !taken.isEmpty else { return response }
        failover.targets = []
        failover.alternatives = taken.map(\.target) + failover.alternatives
        return response.without(contacts: Set(taken.map(\.contact)))
    }

    /// The most wanted first (§20.10: `q`).
    private func contacts(of response: Message) -> [NameAddress] {
        let list = response.values(.contact).compactMap { NameAddress($0, in: response.bytes) }
        let ranked = list.enumerated().map { (contact: $1, q: $1.preference(in: response.bytes), place: $0) }
        return ranked.sorted { ($1.q, $0.place) < ($0.q, $1.place) }.map(\.contact)
    }

    /// A contact as the next target: neither inside nor ourselves, and secure where the request was to be (§16.7 step 4).
    private func target(
        at contact: NameAddress, of response: Message, _ failover: Failover
    ) -> Forwarding.Alternative? {
        let bytes = response.bytes
        let request = failover.arrival.message
        let present = failover.forwarding.uri ?? Array(request.bytes[request.requestURI])
        guard let uri = URI(contact.uri, in: bytes), uri.headers.isEmpty, !identities.isOurs(uri, in: bytes),
            Array(bytes[contact.uri]) != present, !failover.followed.contains(where: { $0[...] == bytes[contact.uri] }),
            URI(0..<present.count, in: present)?.scheme != .sips || uri.scheme == .sips,
            case .success(let own) = nextHop(of: uri, in: bytes, on: .outside, failover.forwarding.trunkSettings)
        else { return nil }
        if let address = own.address, !isAllowed(address, on: .outside) { return nil }
        // Whoever wants a route has it for every target (§16.6 step 6).
        let hop = failover.forwarding.routes.next == nil ? own : failover.forwarding.nextHop
        let isForeign = !isHost(uri, in: bytes, ofTrunk: failover.forwarding, asked: present)
        return Forwarding.Alternative(uri: Array(bytes[contact.uri]), nextHop: hop, isForeign: isForeign)
    }
}

extension ProxyCore {
    /// Whether the contact is at the host that was asked, or at the trunk's domain.
    private func isHost(_ uri: URI, in bytes: [UInt8], ofTrunk forwarding: Forwarding, asked: [UInt8]) -> Bool {
        let host = bytes.text(uri.host).lowercased()
        if host == forwarding.trunkSettings?.domain { return true }
        return URI(0..<asked.count, in: asked).map { asked.text($0.host).lowercased() == host } ?? false
    }
}

extension Failover {
    /// Whether a refusal sends the request on to the next contact: the asker can't go there, and nobody has said 6xx. A
    /// challenge is for the asker.
    func goesOn(after status: Int) -> Bool {
        !followed.isEmpty && status < 600 && status != 401 && status != 407
    }
}

extension NameAddress {
    /// The `q` parameter in thousandths; 1 where there is none.
    fileprivate func preference(in bytes: [UInt8]) -> Int {
        guard let value = parameterList.first("q", in: bytes)?.value, let first = value.first else { return 1000 }
        var (number, weight) = (0, 100)
        if bytes[first] == UInt8(ascii: "1") { return 1000 }
        for index in value.dropFirst(2).prefix(3) where bytes[index].isDigit {
            number += Int(bytes[index] &- 0x30) * weight
            weight /= 10
        }
        return number
    }
}

extension Message {
    /// The response without these contacts; nil when no other is left.
    fileprivate func without(contacts gone: Set<Range<Int>>) -> Message? {
        var edits = MessageEdits()
        var isEmpty = true
        for field in headers where field.name == .contact {
            var values: [Range<Int>] = []
            FieldValues.append(field.value, of: bytes, to: &values)
            let kept = values.filter { !gone.contains($0) }
            if kept.isEmpty {
                edits.remove(field.line)
            } else {
                isEmpty = false
                let rest = kept.map { Array(bytes[$0]) }.joined(separator: Array(", ".utf8))
                edits.replace(field.value, with: Array(rest))
            }
        }
        return isEmpty ? nil : try? MessageParser.parse(datagram: edits.applied(to: bytes))
    }
}
