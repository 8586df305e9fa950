import NetworkTypes
import Yams

extension YAMLReader {
    private static let trunkKeys = KnownKeys(
        [
            "name", "domain", "user", "transport", "networks", "media_networks", "nat", "trust_udp", "contact", "pbx",
            "source_port", "qualify", "max_calls", "calls_per_second", "minutes_per_day", "srtp", "hide",
            "hide_call_id", "from_domain", "identity", "redirects", "overload_control", "tls", "keying",
        ])

    mutating func trunks(_ entry: Entry) -> [TrunkConfiguration] {
        guard case .sequence = entry.node else {
            fail(at: entry.node, "'trunks' must be a list of trunks, not \(entry.node.kind)")
            return []
        }
        var trunks: [TrunkConfiguration] = []
        for item in items(of: entry) {
            guard let trunk = trunk(item) else { continue }
            if trunks.contains(where: { $0.name.lowercased() == trunk.name.lowercased() }) {
                fail(at: "\(item.path).name", "there is another trunk named '\(trunk.name)'")
            } else if trunks.contains(where: { $0.domain == trunk.domain && $0.user == trunk.user }) {
                fail(at: "\(item.path).domain", "another trunk has this domain; tell them apart by 'user'")
            }
            if let port = trunk.sourcePort, let other = trunks.first(where: { $0.sourcePort == port }) {
                fail(at: "\(item.path).source_port", "the trunk '\(other.name)' has the port \(port) already")
            }
            trunks.append(trunk)
        }
        return trunks
    }

    private mutating func trunk(_ item: Entry) -> TrunkConfiguration? {
        guard let entries = entries(of: item, keys: Self.trunkKeys) else { return nil }
        var trunk = TrunkConfiguration(name: "", domain: "")
        set(&trunk.name, from: entries["name"], Value.trunkName)
        set(&trunk.domain, from: entries["domain"], Value.domain)
        for key in ["name", "domain"] where entries[key] == nil && !hasRefused("\(item.path).\(key)") {
            fail(at: item.node, "'\(item.path)' needs a \(key)")
        }
        set(&trunk.user, from: entries["user"]) { text throws(ValueError) in try Value.user(text) }
        setList(&trunk.networks, from: entries["networks"], Value.network)
        setList(&trunk.mediaNetworks, from: entries["media_networks"], Value.network)
        set(&trunk.isBehindNAT, from: entries["nat"], Value.boolean)
        set(&trunk.trustsUDP, from: entries["trust_udp"], Value.boolean)
        setList(&trunk.pbx, from: entries["pbx"]) { text throws(ValueError) in try SIPTarget(text) }
        set(&trunk.transport, from: entries["transport"], Value.trunkTransport)
        set(&trunk.sourcePort, from: entries["source_port"]) { text throws(ValueError) in try Value.port(text) }
        set(&trunk.contact, from: entries["contact"], Value.word)
        set(&trunk.redirects, from: entries["redirects"], Value.word)
        set(&trunk.hasOverloadControl, from: entries["overload_control"], Value.boolean)
        set(&trunk.qualify, from: entries["qualify"], Value.qualify)
        setHiding(&trunk, entries)
        trunkTLS(&trunk.tls, from: entries["tls"])
        set(&trunk.maxCalls, from: entries["max_calls"], Value.limit)
        set(&trunk.callsPerSecond, from: entries["calls_per_second"], Value.limit)
        set(&trunk.minutesPerDay, from: entries["minutes_per_day"], Value.limit)
        set(&trunk.srtp, from: entries["srtp"], Value.srtp)
        set(&trunk.keying, from: entries["keying"], Value.word)
        return trunk.name.isEmpty || trunk.domain.isEmpty ? nil : trunk
    }

    private mutating func setHiding(_ trunk: inout TrunkConfiguration, _ entries: [String: Entry]) {
        set(&trunk.hidesTopology, from: entries["hide"], Value.boolean)
        set(&trunk.hideCallID, from: entries["hide_call_id"], Value.callIDHiding)
        set(&trunk.fromDomain, from: entries["from_domain"]) { text throws(ValueError) in try Value.domain(text) }
        set(&trunk.identity, from: entries["identity"], Value.word)
    }
}
