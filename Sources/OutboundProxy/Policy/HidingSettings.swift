/// What a trunk gets to know of the inside (design §10: `hide`, `hide_call_id`, `from_domain`, `identity`).
public struct HidingSettings: Hashable, Sendable {
    /// Which Call-IDs the trunk does not get to see.
    public enum CallIDs: Hashable, Sendable {
        /// Those that contain an inside address, or the name of a PBX.
        case telling
        case all
        case none
    }

    /// Whether the topology of the inside is hidden from it at all.
    public var isOn: Bool
    public var callIDs: CallIDs
    /// The host in From and other identities of ours where that would be an inside one; nil: our outside address.
    public var fromDomain: [UInt8]?
    /// Whether P-Asserted-Identity crosses, either way (RFC 3325 §8).
    public var keepsIdentity: Bool

    public init(
        isOn: Bool = true, callIDs: CallIDs = .telling, fromDomain: String? = nil, keepsIdentity: Bool = true
    ) {
        self.isOn = isOn
        self.callIDs = callIDs
        self.fromDomain = fromDomain.map { Array(($0.contains(":") ? "[\($0)]" : $0).utf8) }
        self.keepsIdentity = keepsIdentity
    }
}
