public import NetworkTypes

/// The `remote_phones` section: phones behind any NAT that register at the PBX through the outside.
public struct RemotePhonesConfiguration: Hashable, Sendable {
    public var isEnabled = false
    /// What they register at, in lower case: host names or addresses.
    public var domains: [String] = []
    /// An inside address that only their requests come from.
    public var inside: IPAddress?
    public var contact = ContactMode.path
    /// Whether their media is SRTP.
    public var srtp = SRTPPolicy.auto
    /// How its keys are agreed on where we offer them.
    public var keying = KeyManagement.sdes

    /// How the PBX's requests find a phone's flow.
    public enum ContactMode: String, Hashable, Sendable, CaseIterable {
        /// By a Path (RFC 3327).
        case path
        /// By a parameter of the Contact.
        case parameter
    }

    public init() {}
}

extension Configuration {
    /// The inside address that only phones' requests come from, where there is one.
    public var phoneAddress: IPAddress? {
        guard remotePhones.isEnabled, let address = remotePhones.inside, !outside.addresses.contains(address) else {
            return nil
        }
        return address
    }

    func phoneErrors(on interfaces: InterfaceTable) -> [ConfigurationError] {
        guard remotePhones.isEnabled else { return [] }
        var errors: [ConfigurationError] = []
        func add(_ key: String, _ message: String) {
            let position = positions["remote_phones.\(key)"] ?? positions["remote_phones.enabled"]
            errors.append(ConfigurationError(file: file, position: position, message: message))
        }
        if remotePhones.domains.isEmpty {
            add("domains", "remote phones need domains: what a stranger may send REGISTER for")
        }
        if pbx.isEmpty { add("enabled", "remote phones need a 'pbx' to register at") }
        guard let address = remotePhones.inside else { return errors }
        if interfaces.entry(of: address) == nil {
            add("inside", "\(address) is on no interface of this machine")
        } else if outside.addresses.contains(address) {
            add("inside", "\(address) is an outside address")
        } else if inside.addresses.first(where: { $0.family == address.family }) == address {
            add("inside", "\(address) is what the trunks' calls come from; give phones another inside address")
        }
        return errors
    }
}
