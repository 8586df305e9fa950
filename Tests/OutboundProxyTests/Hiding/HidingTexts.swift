import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

extension ProxyHarness {
    /// A proxy whose trunk at 203.0.113.10 is told of the inside what the settings allow.
    static func hiding(_ settings: HidingSettings) -> ProxyHarness {
        let proxy = ProxyHarness(trunks: [TrunkSettings(name: "itsp", domain: "203.0.113.10", hiding: settings)])
        proxy.scansOutside = settings.isOn
        return proxy
    }

    /// A Call-ID as chan_sip writes it.
    static let tellingCallID = "5f3b2c1a0b@192.168.0.2:5060"
}

extension Sent {
    /// The values of a header field by its name, as they stand on their lines.
    func lines(_ name: String) -> [String] {
        text.split(separator: "\r\n", omittingEmptySubsequences: false).prefix { !$0.isEmpty }
            .filter { $0.hasPrefix(name + ": ") }.map { String($0.dropFirst(name.utf8.count + 2)) }
    }
}
