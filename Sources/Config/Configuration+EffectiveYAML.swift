import NetworkTypes
import TLS

extension Configuration {
    /// The whole configuration as a file that says everything: reading it back gives the same configuration.
    public var effectiveYAML: String {
        var lines = sideLines("inside", inside.addresses, inside.listen)
        if !inside.networks.isEmpty { lines.append("  networks: \(list(inside.networks))") }
        lines += ["  srtp: \(inside.srtp.rawValue)", "  keying: \(inside.keying.rawValue)"]
        lines += sideLines("outside", outside.addresses, outside.listen)
        if !outside.advertise.isEmpty { lines.append("  advertise: \(list(outside.advertise))") }
        lines.append("pbx: \(list(pbx))")
        if let tls { lines += tls.lines }
        lines.append(trunks.isEmpty ? "trunks: []" : "trunks:")
        for trunk in trunks { lines += trunk.lines }
        lines += [
            "media:", "  ports: \(media.ports.text)", "  timeout: \(media.timeout.unitText)",
            "  direct_media: \(media.isDirect ? "yes" : "no")",
            "  workers: \(media.workers)", "  allow: \(list(media.allow))",
        ]
        lines += remotePhones.lines
        lines += [
            "emergency: \(list(emergency))",
            "limits:", "  calls: \(limits.calls)",
            "  calls_per_second: \(limits.callsPerSecond.map { "\($0)" } ?? "none")",
            "  per_source: \(limits.perSource.map(\.description) ?? "none")",
            "  connections: \(limits.connections)", "  connections_per_source: \(limits.connectionsPerSource)",
            "  call_duration: \(limits.callDuration.unitText)",
            "dscp:", "  sip: \(codePointText(dscp.sip))", "  rtp: \(codePointText(dscp.rtp))",
            "state: \(quoted(state))",
            "admin:", "  listen: \(quoted(admin.listen.description))",
            "log:", "  level: \(log.level.rawValue)", "  format: \(log.format.rawValue)",
        ]
        if let calls = log.calls { lines.append("  calls: \(quoted(calls))") }
        return lines.joined(separator: "\n") + "\n"
    }

    private func sideLines(
        _ name: String, _ addresses: [IPAddress], _ listen: [ListenerConfiguration]
    ) -> [String] {
        ["\(name):", "  addresses: \(list(addresses))", "  listen: \(list(listen))"]
    }
}

extension RemotePhonesConfiguration {
    fileprivate var lines: [String] {
        var lines = ["remote_phones:", "  enabled: \(isEnabled ? "yes" : "no")"]
        if !domains.isEmpty { lines.append("  domains: \(list(domains))") }
        if let inside { lines.append("  inside: \(quoted(inside.description))") }
        return lines + ["  contact: \(contact.rawValue)", "  srtp: \(srtp.rawValue)", "  keying: \(keying.rawValue)"]
    }
}

extension TLSSettings {
    fileprivate var lines: [String] {
        var lines = ["tls:"]
        if let certificate { lines.append("  certificate: \(quoted(certificate))") }
        if let key { lines.append("  key: \(quoted(key))") }
        return lines + [
            "  ca: \(authorities.text)", "  minimum: \"\(minimum.rawValue)\"", "  verify: \(verifies ? "yes" : "no")",
            "  client_certificates: \(clientCertificates.rawValue)",
        ]
    }
}

extension TLSSettings.Authorities {
    fileprivate var text: String {
        switch self {
        case .system: "system"
        case .file(let path): quoted(path)
        }
    }
}

extension TrunkTLSConfiguration {
    fileprivate var lines: [String] {
        var lines: [String] = []
        if let authorities { lines.append("ca: \(authorities.text)") }
        if let certificate { lines.append("certificate: \(quoted(certificate))") }
        if let key { lines.append("key: \(quoted(key))") }
        if let verifies { lines.append("verify: \(verifies ? "yes" : "no")") }
        return lines
    }
}

extension TrunkConfiguration {
    fileprivate var lines: [String] {
        var lines = ["  - name: \(quoted(name))", "    domain: \(quoted(domain))"]
        if let user { lines.append("    user: \(quoted(user))") }
        lines += [
            "    transport: \(transport?.description ?? "auto")", "    networks: \(list(networks))",
            "    media_networks: \(list(mediaNetworks))",
            "    nat: \(isBehindNAT ? "yes" : "no")", "    trust_udp: \(trustsUDP ? "yes" : "no")",
            "    contact: \(contact.rawValue)", "    qualify: \(qualify?.unitText ?? "off")",
        ]
        if let sourcePort { lines.append("    source_port: \(sourcePort)") }
        for (key, limit) in [
            ("max_calls", maxCalls), ("calls_per_second", callsPerSecond), ("minutes_per_day", minutesPerDay),
        ] { lines.append("    \(key): \(limit.map { "\($0)" } ?? "none")") }
        if !pbx.isEmpty { lines.append("    pbx: \(list(pbx))") }
        if tls != TrunkTLSConfiguration() { lines += ["    tls:"] + tls.lines.map { "      \($0)" } }
        lines += [
            "    srtp: \(srtp.rawValue)", "    keying: \(keying.rawValue)", "    hide: \(hidesTopology ? "yes" : "no")",
            "    hide_call_id: \(hideCallID.rawValue)",
        ]
        if let fromDomain { lines.append("    from_domain: \(quoted(fromDomain))") }
        return lines + [
            "    identity: \(identity.rawValue)", "    redirects: \(redirects.rawValue)",
            "    overload_control: \(hasOverloadControl ? "yes" : "no")",
        ]
    }
}

private func list(_ values: [some CustomStringConvertible]) -> String {
    "[\(values.map { quoted($0.description) }.joined(separator: ", "))]"
}

/// As it is where YAML takes it for a word, else in double quotes.
private func quoted(_ text: String) -> String {
    let isWord = text.utf8.allSatisfy { $0.isAlphanumeric || [0x2e, 0x2f, 0x2d, 0x5f].contains($0) }
    if isWord, let first = text.utf8.first, first != 0x2d, !["null", "Null", "NULL"].contains(text) { return text }
    var out = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"", "\\": out += "\\\(scalar)"
        default: out.unicodeScalars.append(scalar)
        }
    }
    return out + "\""
}

/// The name of a DSCP, or its number.
private func codePointText(_ value: UInt8) -> String {
    Value.codePoints.first { $0.value == value }?.key ?? "\(value)"
}
