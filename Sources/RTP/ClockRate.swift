/// RTP clock rates: what a payload type's timestamps count.
public enum ClockRate {
    /// The rate of a static payload type (RFC 3551 §6); nil where the type is dynamic, reserved or unassigned.
    public static func ofStatic(payloadType: UInt8) -> UInt32? {
        switch payloadType {
        case 0, 3, 4, 5, 7, 8, 9, 12, 13, 15, 18: 8_000
        case 6: 16_000
        case 10, 11: 44_100
        case 16: 11_025
        case 17: 22_050
        case 14, 25, 26, 28, 31, 32, 33, 34: 90_000
        default: nil
        }
    }

    /// The usual rate nearest to the one measured, when it is within an eighth of it.
    ///
    /// A relay sees payload types, not the `a=rtpmap` behind them, and the pace of the timestamps tells as much.
    public static func usual(near measured: Int64) -> UInt32? {
        for rate: Int64 in [8_000, 12_000, 16_000, 24_000, 32_000, 44_100, 48_000, 90_000] {
            // 44.1 and 48 kHz are closer together than an eighth: halfway decides.
            let margin = rate == 44_100 || rate == 48_000 ? 1_950 : rate / 8
            if abs(measured - rate) <= margin { return UInt32(rate) }
        }
        return nil
    }
}
