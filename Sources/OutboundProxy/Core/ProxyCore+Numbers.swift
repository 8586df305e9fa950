import NetworkTypes
import SIP

// A `tel` URI names a number and no host (RFC 3966), a service URN a service (RFC 5031): where it goes is ours to say
// (RFC 3261 §16.5).

extension ProxyCore {
    /// Whether the URI names a number, or a service that is called for help.
    func isNumber(_ uri: URI, in bytes: [UInt8]) -> Bool {
        switch uri.scheme {
        case .sip, .sips: false
        case .tel: true
        case .other: settings.emergencyNumbers.contains(uri.range, in: bytes)
        }
    }

    /// The trunk for a number without a Route: the one that the sender's own domain names, else the only one there is. A
    /// call for help goes by any, those that are configured first.
    func trunkOfNumber(_ message: Message) -> (name: String, settings: TrunkSettings?)? {
        let trunks = directory.summaries
        if let host = message.host(.from), let own = trunks.first(where: { $0.domain == host }) { return named(own) }
        if trunks.count == 1 || settings.emergencyNumbers.contains(message.requestURI, in: message.bytes) {
            return (trunks.first(where: \.isConfigured) ?? trunks.first).map(named)
        }
        return nil
    }

    private func named(_ trunk: TrunkSummary) -> (name: String, settings: TrunkSettings?) {
        (trunk.name, directory.trunks.named(trunk.name))
    }

    /// Where numbers go by that trunk: to its domain. The Request-URI stays a number.
    func hopOfNumber(_ trunk: (name: String, settings: TrunkSettings?)) -> Result<Forwarding.NextHop, Refusal> {
        // A trunk that is not configured is named by its domain.
        let domain = trunk.settings?.domain ?? trunk.name
        let host = IPAddress(domain)?.family == .v6 ? "[\(domain)]" : domain
        let bytes = Array("sip:\(host)".utf8)
        guard !domain.isEmpty, let uri = URI(bytes.indices, in: bytes) else {
            return .failure(Refusal(status: 416, reason: "Unsupported URI Scheme"))
        }
        return nextHop(of: uri, in: bytes, on: .outside, trunk.settings)
    }
}
