import Foundation

/// The snapshots as text for people and as JSON for programs.
public enum StatusPage {
    public static func text(_ status: StatusSnapshot) -> String {
        var table = TextTable([("sallyport", .left), (status.version, .left)])
        table.add(["up", duration(status.uptimeSeconds)])
        for listener in status.listeners {
            table.add(["listening", "\(listener.side) \(listener.transport) \(listener.address)"])
        }
        let (calls, messages, media) = (status.calls, status.messages, status.media)
        let connections = status.connections
        table.add(["calls", "\(calls.now) now, \(calls.total) in all, at most \(calls.limit)"])
        table.add(["calls failed", counts(calls.failed)])
        table.add(["registrations", "\(status.registrations)"])
        table.add(["transactions", "\(status.transactions)"])
        table.add(["messages", "\(messages.received) received, \(messages.sent) sent"])
        table.add(["messages dropped", counts(messages.dropped)])
        table.add(["requests refused", counts(status.refused)])
        if status.pressure > 0 {
            table.add(["overload", String(format: "%.0f %% of new requests are refused", status.pressure * 100)])
        }
        if status.banned > 0 { table.add(["bans", "\(status.bans.count) now, \(status.banned) in all"]) }
        for ban in status.bans.prefix(mostBans) {
            table.add(["banned", "\(ban.source) as \(ban.account) for \(duration(ban.secondsLeft))"])
        }
        table.add([
            "connections",
            "\(connections.now) now, \(connections.accepted) accepted, \(connections.opened) opened, "
                + "at most \(connections.limit)",
        ])
        table.add(["connections failed", counts(connections.failed)])
        if connections.handshakes > 0 {
            table.add(["TLS", "\(connections.handshakes) handshakes, \(connections.resumed) resumed"])
        }
        for certificate in status.certificates {
            let left = certificate.secondsLeft
            let when = left < 0 ? "expired \(duration(-left)) ago" : "expires in \(duration(left))"
            table.add(["certificate", "\(certificate.name), for \(certificate.names.joined(separator: " ")), \(when)"])
        }
        if let problem = status.certificateProblem { table.add(["certificates not read", problem]) }
        table.add(["media", "\(media.sessions) sessions, \(media.packets) packets, \(octets(media.bytes))"])
        table.add(["media dropped", counts(media.dropped)])
        table.add(["media ports", "\(media.portsUsed) used, \(media.portsFree) free"])
        table.add(["memory", octets(status.memoryBytes)])
        table.add(["processor", String(format: "%.2f s", status.processorSeconds)])
        table.add(["descriptors", "\(status.openDescriptors)"])
        return table.text
    }

    private static let mostBans = 20

    /// The calls that came to nothing, newest first, and why.
    public static func failed(_ calls: [CallSnapshot]) -> String {
        var table = TextTable([
            ("CALL-ID", .left), ("DIRECTION", .left), ("FROM", .left), ("TO", .left), ("TRUNK", .left), ("AGO", .right),
            ("WHY", .left),
        ])
        for call in calls {
            table.add([
                call.callID, call.direction.rawValue, call.from, call.to, call.trunk ?? "-", duration(call.ageSeconds),
                call.verdict ?? "-",
            ])
        }
        return table.text
    }

    public static func text(_ calls: [CallSnapshot]) -> String {
        var table = TextTable([
            ("CALL-ID", .left), ("DIRECTION", .left), ("FROM", .left), ("TO", .left), ("TRUNK", .left),
            ("STATE", .left),
            ("AGE", .right), ("MEDIA", .left),
        ])
        for call in calls {
            let head = [
                call.callID, call.direction.rawValue, call.from, call.to, call.trunk ?? "-", call.state.rawValue,
                duration(call.ageSeconds),
            ]
            table.add(head + [call.legs.first.map(text) ?? "-"])
            for leg in call.legs.dropFirst() { table.add(Array(repeating: "", count: head.count) + [text(leg)]) }
        }
        return table.text
    }

    private static func text(_ leg: CallSnapshot.Leg) -> String {
        var quality = String(format: "loss %.1f%% jitter %.1f ms", leg.loss * 100, leg.jitterMilliseconds)
        if let trip = leg.roundTripMilliseconds { quality += String(format: " rtt %.0f ms", trip) }
        if let score = leg.score { quality += String(format: " MOS %.1f", score) }
        if let codec = leg.codec { quality = "\(codec) \(quality)" }
        if leg.security != "rtp" { quality = "\(leg.security) \(quality)" }
        let dropped = leg.dropped.isEmpty ? "" : " dropped \(counts(leg.dropped))"
        return "\(leg.side) \(leg.local) <- \(leg.remote ?? "nobody yet") \(leg.packets) packets \(quality)\(dropped)"
    }

    public static func text(_ registrations: [RegistrationSnapshot]) -> String {
        var table = TextTable([("AOR", .left), ("TRUNK", .left), ("CONTACT", .left), ("EXPIRES IN", .right)])
        for entry in registrations {
            table.add([entry.aor, entry.trunk, entry.contact, duration(entry.expiresInSeconds)])
        }
        return table.text
    }

    public static func text(_ trunks: [TrunkSnapshot]) -> String {
        var table = TextTable([
            ("TRUNK", .left), ("DOMAIN", .left), ("KIND", .left), ("REGISTRATIONS", .right), ("CALLS", .right),
            ("MINUTES", .right), ("ADDRESSES", .left), ("TARGETS", .left),
        ])
        for trunk in trunks {
            table.add([
                trunk.name, trunk.domain, trunk.isLearned ? "learned" : "configured", "\(trunk.registrations)",
                "\(trunk.calls)", trunk.minutesToday.map { String(format: "%.0f", $0) } ?? "-",
                trunk.addresses.isEmpty ? "-" : trunk.addresses.joined(separator: " "),
                trunk.targets.isEmpty ? "-" : trunk.targets.map { "\($0.target) \($0.state)" }.joined(separator: ", "),
            ])
        }
        return table.text
    }

    public static func text(_ flows: [FlowSnapshot]) -> String {
        var table = TextTable([
            ("AOR", .left), ("SOURCE", .left), ("TRANSPORT", .left), ("LISTENER", .left), ("EXPIRES IN", .right),
        ])
        for flow in flows {
            table.add([flow.aor, flow.source, flow.transport, flow.listener, duration(flow.expiresInSeconds)])
        }
        return table.text
    }

    /// Keys in order, so that two pages can be compared.
    public static func json(_ value: some Encodable) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
        guard let data = try? encoder.encode(value) else { return "null\n" }
        return String(decoding: data, as: UTF8.self) + "\n"
    }

    // MARK: Words

    private static func counts(_ counts: [String: UInt64]) -> String {
        let present = counts.filter { $0.value > 0 }.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        return present.isEmpty ? "none" : present.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
    }

    /// `3d 4h`, `4h 5m`, `5m 6s` or `6s`.
    static func duration(_ seconds: Double) -> String {
        guard let whole = Int64(exactly: max(0, seconds.rounded(.down))) else { return "?" }
        let parts = [(whole / 86400, "d"), (whole / 3600 % 24, "h"), (whole / 60 % 60, "m"), (whole % 60, "s")]
        let shown = parts.drop { $0.0 == 0 }.prefix(2)
        return shown.isEmpty ? "0s" : shown.map { "\($0.0)\($0.1)" }.joined(separator: " ")
    }

    private static func octets(_ count: UInt64) -> String {
        if count < 10_000 { return "\(count) B" }
        if count < 10_000_000 { return "\(count / 1000) kB" }
        return "\(count / 1_000_000) MB"
    }
}
