/// The codecs that are told apart, for what they make of loss.
public enum Codec: UInt8, Hashable, Sendable, CaseIterable {
    case pcmu, pcma, g722, g7231, g726, g728, g729, gsm, ilbc, opus, speex, amr, amrWideband
    /// RFC 4733 events and RFC 3389 comfort noise: they interrupt a codec, and are none.
    case telephoneEvent, comfortNoise
    case other

    /// The encoding name of RFC 3551 or of its own RFC.
    public var name: String {
        switch self {
        case .pcmu: "PCMU"
        case .pcma: "PCMA"
        case .g722: "G722"
        case .g7231: "G723"
        case .g726: "G726-32"
        case .g728: "G728"
        case .g729: "G729"
        case .gsm: "GSM"
        case .ilbc: "iLBC"
        case .opus: "opus"
        case .speex: "speex"
        case .amr: "AMR"
        case .amrWideband: "AMR-WB"
        case .telephoneEvent: "telephone-event"
        case .comfortNoise: "CN"
        case .other: "other"
        }
    }

    /// Whether it carries speech, so that a stream may be judged by it.
    public var isSpeech: Bool { self != .telephoneEvent && self != .comfortNoise }

    /// The codec of a static payload type (RFC 3551 §6).
    public init(staticPayloadType: UInt8) {
        switch staticPayloadType {
        case 0: self = .pcmu
        case 3: self = .gsm
        case 4: self = .g7231
        case 8: self = .pcma
        case 9: self = .g722
        case 13: self = .comfortNoise
        case 15: self = .g728
        case 18: self = .g729
        default: self = .other
        }
    }
}

/// What one payload type of a stream stands for, by `a=rtpmap` or RFC 3551.
public struct PayloadFormat: Hashable, Sendable {
    public let payloadType: UInt8
    public let codec: Codec
    public let clockRate: UInt32

    public init(payloadType: UInt8, codec: Codec, clockRate: UInt32) {
        self.payloadType = payloadType
        self.codec = codec
        self.clockRate = clockRate
    }
}
