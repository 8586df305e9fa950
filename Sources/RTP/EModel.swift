import Glibc

/// The E-model of ITU-T G.107: from delay and loss to what a listener would say, with the defaults of its table 2 for
/// everything that a relay can't know.
public enum EModel {
    /// How a codec stands loss (G.113 appendix I): its impairment without any, and its robustness against random loss.
    struct Impairment {
        let equipment: Double
        let robustness: Double

        init(_ codec: Codec) {
            switch codec {
            // With loss concealment, which decoders have nowadays.
            case .pcmu, .pcma: self.init(0, 25.1)
            case .g729: self.init(11, 19)
            case .g7231: self.init(15, 16.1)
            case .g726: self.init(7, 25.1)
            case .g728: self.init(7, 17)
            case .gsm: self.init(20, 10)
            case .amr: self.init(5, 10)
            // G.113 has these on the scale of wideband, or not at all: as good as narrow band at its best, and as robust
            // as their concealment is commonly measured.
            case .g722: self.init(0, 10)
            case .amrWideband: self.init(0, 13)
            case .opus, .speex: self.init(0, 20)
            case .ilbc: self.init(10, 32)
            case .telephoneEvent, .comfortNoise, .other: self.init(0, 15)
            }
        }

        private init(_ equipment: Double, _ robustness: Double) {
            self.equipment = equipment
            self.robustness = robustness
        }
    }

    /// The transmission rating factor R for random loss (a share from 0 to 1) and a delay one way in milliseconds.
    public static func rating(_ codec: Codec, loss: Double, delay: Double) -> Double {
        let impairment = Impairment(codec)
        let lost = 100 * min(max(loss, 0), 1)
        let equipment =
            impairment.equipment + (95 - impairment.equipment) * lost / (lost + impairment.robustness)
        return signal - simultaneous - delayImpairment(min(max(delay, 0), 10_000)) - equipment
    }

    /// The mean opinion score of a rating, 1 to 4.5 (G.107 annex B).
    public static func score(rating: Double) -> Double {
        if rating <= 0 { return 1 }
        if rating >= 100 { return 4.5 }
        // The curve dips below 1 where R is small.
        return max(1, 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6)
    }

    public static func score(_ codec: Codec, loss: Double, delay: Double) -> Double {
        score(rating: rating(codec, loss: loss, delay: delay))
    }

    /// Ro and Is with all their parameters at their defaults.
    private static let signal = 94.77
    private static let simultaneous = 1.41

    /// Id: talker echo, listener echo and sheer delay (G.107 §7.4).
    private static func delayImpairment(_ delay: Double) -> Double {
        let loudness = 65 - 40 * log10((1 + delay / 10) / (1 + delay / 150)) + 6 * exp(-0.3 * delay * delay)
        let talker = (signal - (80 + 2.5 * (loudness - 14))) / 2
        let talkerEcho = ((talker * talker + 100).squareRoot() + talker - 1) * (1 - exp(-delay))
        let listener = (signal - 10.5 * (110 + 7) * pow(2 * delay + 1, -0.25)) / 2
        let listenerEcho = listener + (listener * listener + 169).squareRoot()
        return max(0, talkerEcho) + listenerEcho + sheerDelay(delay)
    }

    private static func sheerDelay(_ delay: Double) -> Double {
        guard delay > 100 else { return 0 }
        let x = log2(delay / 100)
        return 25 * (pow(1 + pow(x, 6), 1.0 / 6) - 3 * pow(1 + pow(x / 3, 6), 1.0 / 6) + 2)
    }
}
