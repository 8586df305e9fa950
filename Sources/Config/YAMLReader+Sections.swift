import NetworkTypes
import Yams

// A method for each section of the file.
extension YAMLReader {
    private static let insideKeys = KnownKeys(["addresses", "listen", "networks", "srtp", "keying"])
    private static let outsideKeys = KnownKeys(["addresses", "listen", "advertise"])

    mutating func inside(_ entry: Entry) -> InsideConfiguration {
        var inside = InsideConfiguration(addresses: [])
        guard let entries = sideEntries(entry, keys: Self.insideKeys, addresses: &inside.addresses) else {
            return inside
        }
        setListeners(&inside.listen, from: entries["listen"])
        setList(&inside.networks, from: entries["networks"], atLeast: 1, Value.network)
        set(&inside.srtp, from: entries["srtp"], Value.srtp)
        set(&inside.keying, from: entries["keying"], Value.word)
        return inside
    }

    mutating func outside(_ entry: Entry) -> OutsideConfiguration {
        var outside = OutsideConfiguration(addresses: [])
        guard let entries = sideEntries(entry, keys: Self.outsideKeys, addresses: &outside.addresses) else {
            return outside
        }
        setListeners(&outside.listen, from: entries["listen"])
        setList(&outside.advertise, from: entries["advertise"], atLeast: 1) { text throws(ValueError) in
            try AdvertisedHost(text)
        }
        return outside
    }

    /// A side is a mapping, or in short one address or a list of them.
    private mutating func sideEntries(
        _ entry: Entry, keys: KnownKeys, addresses: inout [IPAddress]
    ) -> [String: Entry]? {
        guard case .mapping = entry.node else {
            setList(&addresses, from: entry, atLeast: 1, Value.ownAddress)
            return nil
        }
        guard let entries = entries(of: entry, keys: keys) else { return nil }
        setList(&addresses, from: entries["addresses"], atLeast: 1, Value.ownAddress)
        if entries["addresses"] == nil, !hasRefused("\(entry.path).addresses") {
            fail(at: entry.node, "'\(entry.path)' needs addresses")
        }
        return entries
    }

    private mutating func setListeners(_ field: inout [ListenerConfiguration], from entry: Entry?) {
        setList(&field, from: entry, atLeast: 1) { text throws(ValueError) in
            let parts = text.lowercased().split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            switch parts.first {
            case "udp", "tcp", "tls":
                let transport = TransportProtocol.allCases.first { $0.description == parts[0] }
                return ListenerConfiguration(
                    transport ?? .udp, port: parts.count == 2 ? try Value.port(String(parts[1])) : nil)
            default: throw .expected("udp, tcp, tls, or one of them with a port (udp:PORT)", text)
            }
        }
    }

    mutating func media(_ media: inout MediaConfiguration, from entry: Entry) {
        let keys = KnownKeys(["ports", "timeout", "direct_media", "workers", "allow"], notBuilt: ["engine"])
        guard let entries = entries(of: entry, keys: keys) else { return }
        set(&media.ports, from: entries["ports"], Value.ports)
        set(&media.timeout, from: entries["timeout"]) { text throws(ValueError) in
            try Value.duration(text, in: .seconds(5)...(.seconds(24 * 3600)))
        }
        set(&media.isDirect, from: entries["direct_media"], Value.boolean)
        set(&media.workers, from: entries["workers"]) { text throws(ValueError) in try Value.count(text, in: 1...256) }
        setList(&media.allow, from: entries["allow"], Value.network)
    }

    mutating func remotePhones(_ phones: inout RemotePhonesConfiguration, from entry: Entry) {
        let keys = KnownKeys(["enabled", "domains", "inside", "contact", "srtp", "keying"])
        guard let entries = entries(of: entry, keys: keys) else { return }
        set(&phones.isEnabled, from: entries["enabled"], Value.boolean)
        setList(&phones.domains, from: entries["domains"], atLeast: 1, Value.domain)
        set(&phones.inside, from: entries["inside"], Value.ownAddress)
        set(&phones.contact, from: entries["contact"], Value.word)
        set(&phones.srtp, from: entries["srtp"], Value.srtp)
        set(&phones.keying, from: entries["keying"], Value.word)
    }

    mutating func limits(_ limits: inout LimitsConfiguration, from entry: Entry) {
        let keys = KnownKeys(
            ["calls", "calls_per_second", "per_source", "connections", "connections_per_source", "call_duration"])
        guard let entries = entries(of: entry, keys: keys) else { return }
        set(&limits.calls, from: entries["calls"]) { text throws(ValueError) in
            try Value.count(text, in: 1...1_000_000)
        }
        set(&limits.callsPerSecond, from: entries["calls_per_second"], Value.limit)
        set(&limits.perSource, from: entries["per_source"], Value.rate)
        set(&limits.connections, from: entries["connections"]) { text throws(ValueError) in
            try Value.whole(text, in: 8...1_000_000)
        }
        set(&limits.connectionsPerSource, from: entries["connections_per_source"]) { text throws(ValueError) in
            try Value.whole(text, in: 1...1_000_000)
        }
        set(&limits.callDuration, from: entries["call_duration"]) { text throws(ValueError) in
            try Value.duration(text, in: .seconds(1)...(.seconds(30 * 86400)))
        }
    }

    /// Numbers as they are dialled, and services (RFC 5031).
    mutating func emergency(_ numbers: inout [String], from entry: Entry) {
        setList(&numbers, from: entry, Value.emergency)
    }

    mutating func dscp(_ dscp: inout DSCPConfiguration, from entry: Entry) {
        guard let entries = entries(of: entry, keys: KnownKeys(["sip", "rtp"])) else { return }
        set(&dscp.sip, from: entries["sip"], Value.codePoint)
        set(&dscp.rtp, from: entries["rtp"], Value.codePoint)
    }

    mutating func admin(_ admin: inout AdminConfiguration, from entry: Entry) {
        guard let entries = entries(of: entry, keys: KnownKeys(["listen"])) else { return }
        set(&admin.listen, from: entries["listen"]) { text throws(ValueError) in
            let address = try Value.socketAddress(text)
            guard address.ip.isLoopback else {
                throw .wrong("\(address) is no loopback address, and pages have no authentication yet")
            }
            return address
        }
    }

    mutating func log(_ log: inout LogConfiguration, from entry: Entry) {
        guard let entries = entries(of: entry, keys: KnownKeys(["level", "format", "calls"])) else { return }
        set(&log.level, from: entries["level"], Value.word)
        set(&log.format, from: entries["format"], Value.word)
        setFile(&log.calls, from: entries["calls"])
    }
}
